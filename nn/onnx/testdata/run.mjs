// Runs models in onnxruntime's WebAssembly build: reads jobs [{model, input, shape, outputs}] from the file named first, writes for each
// the outputs by name, or an error, as JSON into the file named third. The second argument is the folder with node_modules.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const require = createRequire(process.argv[3] + "/");
const ort = require("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const results = [];
for (const job of JSON.parse(readFileSync(process.argv[2]))) {
  try {
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(job.model)), { executionProviders: ["wasm"] });
    const bytes = readFileSync(job.input);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const out = await session.run({ input: new ort.Tensor("float32", values, job.shape) });
    results.push({ outputs: Object.fromEntries(session.outputNames.map((n) => [n, { shape: out[n].dims, values: Array.from(out[n].data) }])) });
    await session.release();
  } catch (e) {
    results.push({ error: String(e) });
  }
}
writeFileSync(process.argv[4], JSON.stringify(results));
process.exit(0);
