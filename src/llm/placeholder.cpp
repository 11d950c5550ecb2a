// The layer's first source file replaces this one.
