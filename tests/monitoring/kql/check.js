// Checks KQL queries by Microsoft's parser: their syntax, and their names against the tables' columns.
// stdin: {"tables": {name: "(Column: type, ...)"}, "queries": {name: text}}; stdout: {name: [fault, ...]}.
const path = require('node:path');
const { readFileSync } = require('node:fs');

const modules = path.resolve(process.argv[2], 'node_modules', '@kusto', 'language-service-next');
require(path.join(modules, 'bridge.js'));
require(path.join(modules, 'Kusto.Language.Bridge.js'));
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

const { tables, queries } = JSON.parse(readFileSync(0, 'utf8'));
// The numbered constructors are how the package exports overloads.
const symbols = Object.entries(tables).map(
  ([name, columns]) => new Symbols.TableSymbol.$ctor7(name, columns, null),
);
const workspace = new Symbols.DatabaseSymbol.$ctor1('workspace', symbols);
const globals = GlobalState.Default.WithDatabase(workspace);

function faults(text) {
  const found = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => {
    const { Severity, Message, Start } = found.getItem(index);
    return `${Severity}: ${Message}, at ${Start}`;
  });
}

const checked = Object.entries(queries).map(([name, text]) => [name, faults(text)]);
process.stdout.write(JSON.stringify(Object.fromEntries(checked)));
