// Reads the numbers of DICOM structured reports with dcmjs, and prints JSON. usage: node dcmjs_numbers.cjs MODULES SR...
const fs = require("fs"), path = require("path");
const [modules, ...files] = process.argv.slice(2);
const dcmjs = require(path.join(modules, "dcmjs"));
dcmjs.log.setLevel?.("silent");
const list = (v) => (v === undefined ? [] : Array.isArray(v) ? v : [v]);
const first = (v) => list(v)[0] ?? {};
const code = (v) => { const c = first(v); return { value: c.CodeValue ?? c.LongCodeValue, meaning: c.CodeMeaning, scheme: c.CodingSchemeDesignator }; };
const out = [];
for (const file of files) {
  const b = fs.readFileSync(file);
  const dict = dcmjs.data.DicomMessage.readFile(b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength)).dict;
  const ds = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dict);
  const all = list(ds.ContentSequence).find((c) => code(c.ConceptNameCodeSequence).value === "126010");
  for (const g of list(all?.ContentSequence)) {
    const items = list(g.ContentSequence);
    const item = items.find((i) => i.ValueType === "TEXT" && code(i.ConceptNameCodeSequence).value === "112039")?.TextValue ?? "";
    for (const i of items.filter((i) => i.ValueType === "NUM" && list(i.MeasuredValueSequence).length)) {
      const v = first(i.MeasuredValueSequence), unit = code(v.MeasurementUnitsCodeSequence), name = code(i.ConceptNameCodeSequence);
      out.push({ file, item, code: name.value, name: name.meaning, value: Number(v.FloatingPointValue ?? v.NumericValue), unit: unit.value, scheme: unit.scheme });
    }
  }
}
fs.writeSync(1, JSON.stringify(out));
