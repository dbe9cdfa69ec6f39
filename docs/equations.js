// Reads equations from standard input, [{tex, display}, ...], and writes their HTML.
// One that KaTeX cannot read, or only with a warning, ends it with an error.
const katex = require(process.argv[2]);
const equations = JSON.parse(require("fs").readFileSync(0, "utf8"));
const html = equations.map(({ tex, display }) => {
  try {
    return katex.renderToString(tex, { displayMode: display, strict: "error" });
  } catch (error) {
    console.error(`${error.message}\n  in: ${tex}`);
    process.exit(1);
  }
});
process.stdout.write(JSON.stringify(html));
