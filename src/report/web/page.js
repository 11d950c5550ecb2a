// The report's page: draws the plots, marks the reader's place in the contents, copies command lines.
// It reads data only as data (JSON, text nodes): nothing here turns a text into markup.
(() => {
  "use strict";

  const root = document.documentElement;
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const kSeriesColors = 8;
  const kLongestTick = 26;  // characters
  const kLongestTitle = 40;
  const kMarks = ["circle", "rectRot", "triangle", "rect", "crossRot", "star", "rectRounded", "cross"];

  const shortened = (text, longest = kLongestTick) => {
    const characters = Array.from(String(text));
    return characters.length > longest ? characters.slice(0, longest - 1).join("") + "…" : String(text);
  };
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
  const transparent = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, "0");

  // Bars whose names are long lie on their side, each with a line of its own.
  const liesOnItsSide = (plot) =>
    plot.kind === "bar" && plot.categories.length > 2 && plot.categories.some((name) => name.length > 14);

  function dataset(plot, series, index) {
    const paint = color(`--series-${(index % kSeriesColors) + 1}`);
    const round = Math.floor(index / kSeriesColors);
    const data = plot.categories
      ? series.values
      : series.values.map(([x, y]) => ({ x: x === null ? NaN : x, y: y === null ? NaN : y }));
    const common = { label: shortened(series.name, kLongestTitle), data, borderColor: paint, backgroundColor: paint };
    if (plot.kind === "line") {
      const mark = series.values.length > 60 ? 0 : series.values.length > 24 ? 2.5 : 3.5;
      return {
        ...common, borderWidth: 2, borderDash: [[], [6, 4], [2, 3]][(index + round) % 3], pointRadius: mark,
        pointHoverRadius: 5, pointStyle: kMarks[(index + round) % kMarks.length], spanGaps: false,
      };
    }
    if (plot.kind === "scatter") {
      return {
        ...common, backgroundColor: transparent(paint, 0.45), pointRadius: 4, pointHoverRadius: 6,
        pointStyle: kMarks[(index + round) % kMarks.length],
      };
    }
    const histogram = plot.kind === "histogram";
    return {
      ...common, borderColor: color("--paper"), borderWidth: histogram ? 1 : 0, borderRadius: histogram ? 0 : 3,
      maxBarThickness: histogram ? undefined : 56, barPercentage: histogram ? 1 : 0.88,
      categoryPercentage: histogram ? 1 : 0.8,
    };
  }

  function axis(plot, title, categorical) {
    const ticks = { color: color("--muted"), maxRotation: 50, autoSkipPadding: 10 };
    if (categorical) ticks.callback = (value) => shortened(plot.categories[value]);
    return {
      type: categorical ? "category" : "linear",
      beginAtZero: plot.kind === "bar" || plot.kind === "histogram",
      grace: !categorical && !plot.stacked && (plot.kind === "bar" || plot.kind === "histogram") ? "4%" : 0,
      title: { display: title !== "", text: shortened(title, kLongestTitle), color: color("--muted"), font: { weight: 600 } },
      ticks,
      grid: { color: color("--line"), display: !categorical },
      border: { color: color("--strong-line") },
    };
  }

  // Keeps the legend off the plot area.
  const legendSpace = {
    id: "legendSpace",
    beforeInit(chart) {
      const fit = chart.legend?.fit;
      if (fit) chart.legend.fit = function () { fit.call(this); this.height += 8; };
    },
  };

  function configuration(plot) {
    const sideways = liesOnItsSide(plot);
    const named = axis(plot, plot.x_title, Boolean(plot.categories));
    const counted = axis(plot, plot.y_title, false);
    if (sideways) named.ticks.autoSkip = false;
    if (plot.stacked) named.stacked = counted.stacked = true;
    const value = (item) => number.format(sideways ? item.parsed.x : item.parsed.y);
    return {
      type: plot.kind === "histogram" ? "bar" : plot.kind,
      plugins: [legendSpace],
      data: { labels: plot.categories, datasets: plot.series.map((series, index) => dataset(plot, series, index)) },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        indexAxis: sideways ? "y" : "x",
        interaction: { mode: plot.kind === "scatter" ? "nearest" : "index", intersect: plot.kind === "scatter" },
        font: { family: color("--sans") },
        scales: sideways ? { x: counted, y: named } : { x: named, y: counted },
        plugins: {
          legend: {
            display: plot.series.length > 1, position: "top", align: "start",
            labels: { color: color("--ink"), usePointStyle: plot.kind !== "bar" && plot.kind !== "histogram",
                      boxWidth: 12, boxHeight: 8, padding: 14 },
          },
          tooltip: {
            callbacks: {
              title: (items) => (plot.categories ? shortened(items[0].label) : ""),
              label: (item) => plot.categories
                ? ` ${item.dataset.label}: ${value(item)}`
                : ` ${item.dataset.label}: ${number.format(item.parsed.x)}, ${value(item)}`,
            },
          },
        },
      },
    };
  }

  const places = Array.from(document.querySelectorAll("[data-chart]"));
  const charts = new Map();

  // Pixels of a legend's lines after the first, so that many series leave the plot its room.
  function longLegend(plot, width) {
    if (plot.series.length < 2) return 0;
    const names = plot.series.map((series) => 44 + 7.5 * Math.min(kLongestTitle, series.name.length));
    return 22 * Math.floor(names.reduce((sum, name) => sum + name, 0) / Math.max(width, 200));
  }

  function draw(place) {
    const plot = JSON.parse(document.getElementById(place.dataset.chart).textContent);
    charts.get(place)?.destroy();
    const more = longLegend(plot, place.clientWidth);
    if (liesOnItsSide(plot)) {
      const lines = plot.categories.length * (plot.stacked ? 2 : Math.max(1, plot.series.length));
      place.style.height = `${Math.max(200, 90 + lines * 22) + more}px`;
    } else if (more > 0) {
      place.style.height = `calc(clamp(15rem, 38vw, 21rem) + ${more}px)`;
    }
    const canvas = document.createElement("canvas");
    place.replaceChildren(canvas);
    charts.set(place, new Chart(canvas, configuration(plot)));
  }

  function drawAll() {
    if (typeof Chart === "undefined") return;
    Chart.defaults.font.family = color("--sans");
    Chart.defaults.font.size = 13;
    for (const place of places) {
      try {
        draw(place);
      } catch (error) {
        // The table below has the data.
        place.remove();
        console.error(error);
      }
    }
  }

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // On paper everything is dark on white.
  addEventListener("beforeprint", () => { root.classList.add("printing"); drawAll(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); drawAll(); });

  const contents = document.querySelector(".contents");
  if (contents) {
    const links = new Map(
      Array.from(contents.querySelectorAll("a"), (link) => [link.getAttribute("href").slice(1), link]));
    const mark = (id) => {
      for (const [name, link] of links) {
        if (name === id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      const link = links.get(id);
      contents.scrollTo({ left: link.offsetLeft - contents.clientWidth / 3 });
    };
    const sections = Array.from(document.querySelectorAll("main > section"));
    const update = () => {
      const line = innerHeight * 0.3;
      const atEnd = scrollY > 0 && scrollY + innerHeight >= root.scrollHeight - 2;
      const passed = sections.filter((section) => section.getBoundingClientRect().top <= line);
      mark((atEnd ? sections.at(-1) : passed.at(-1) ?? sections[0]).id);
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; update(); });
    }, { passive: true });
    update();
  }

  if (navigator.clipboard) {
    for (const code of document.querySelectorAll("pre.code")) {
      const frame = document.createElement("div");
      frame.className = "copyable";
      code.replaceWith(frame);
      const button = document.createElement("button");
      button.className = "copy";
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Not allowed";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      frame.append(code, button);
    }
  }
})();
