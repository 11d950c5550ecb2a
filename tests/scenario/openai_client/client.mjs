// The official client against `llm serve`. Usage: node client.mjs BASE_URL KEY
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const question = [{ role: 'user', content: 'liked: ' }];

const models = await client.models.list();
assert.equal(models.data.length, 1);
const model = models.data[0].id;

const chat = await client.chat.completions.create({ model, messages: question, max_tokens: 8, temperature: 0, logprobs: true });
assert.equal(chat.object, 'chat.completion');
assert.equal(chat.choices[0].message.role, 'assistant');
assert.ok(['stop', 'length'].includes(chat.choices[0].finish_reason));
assert.ok(chat.usage.prompt_tokens > 0 && chat.usage.total_tokens === chat.usage.prompt_tokens + chat.usage.completion_tokens);
for (const token of chat.choices[0].logprobs.content) assert.ok(token.logprob <= 0);

let streamed = '';
let usage;
const stream = await client.chat.completions.create({
  model, messages: question, max_tokens: 8, temperature: 0, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? '';
  usage = chunk.usage ?? usage;
}
assert.equal(streamed, chat.choices[0].message.content, 'a stream is the same answer');
assert.equal(usage.completion_tokens, chat.usage.completion_tokens);

const told = [];
const watched = await client.chat.completions.create({
  model, messages: question, max_tokens: 8, temperature: 0, stream: true, logprobs: true,
});
for await (const chunk of watched) told.push(...(chunk.choices[0]?.logprobs?.content ?? []));
assert.deepEqual(told, chat.choices[0].logprobs.content, 'a stream tells the same tokens and log-probabilities');

const sampled = () => client.chat.completions.create({ model, messages: question, max_tokens: 8, temperature: 1.5, seed: 4, logprobs: true });
assert.deepEqual((await sampled()).choices, (await sampled()).choices, 'a seed gives the same answer again');

const plain = await client.completions.create({ model, prompt: 'liked: ', max_tokens: 8, temperature: 0 });
assert.equal(plain.choices[0].text, chat.choices[0].message.content, 'both ways ask the same');

const schema = {
  type: 'object', additionalProperties: false, required: ['order'],
  properties: { order: { type: 'array', minItems: 3, maxItems: 3, items: { type: 'string', enum: ['red', 'green', 'blue'] } } },
};
const bound = await client.chat.completions.create({
  model, messages: question, temperature: 0,
  response_format: { type: 'json_schema', json_schema: { name: 'order', strict: true, schema } },
});
assert.deepEqual(JSON.parse(bound.choices[0].message.content).order.slice().sort(), ['blue', 'green', 'red']);

const choice = await client.chat.completions.create({
  model, messages: question, temperature: 0, guided_choice: ['1', '2'], logprobs: true, top_logprobs: 2,
});
assert.ok(['1', '2'].includes(choice.choices[0].message.content));
const alternatives = choice.choices[0].logprobs.content[0].top_logprobs;
const total = alternatives.reduce((sum, it) => sum + Math.exp(it.logprob), 0);
assert.ok(Math.abs(total - 1) < 1e-6, 'the options\' probabilities add up to one');

await assert.rejects(client.chat.completions.create({ model: 'another', messages: question }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ model, messages: question, n: 2 }), OpenAI.BadRequestError);
await assert.rejects(client.chat.completions.create({ model, messages: question, max_tokens: 0 }), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.param, 'max_tokens');
  assert.equal(error.type, 'invalid_request_error');
  return true;
});
await assert.rejects(new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
console.log('ok: the official client lists, chats, streams, completes, binds answers and reads errors');
