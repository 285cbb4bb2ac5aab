// Fetches /pages/1 to /pages/COUNT with Octokit and its throttling plugin, and prints the seconds and the refusals.
import { Octokit } from "@octokit/core";
import { throttling } from "@octokit/plugin-throttling";

const [baseUrl, count] = process.argv.slice(2);
let refused = 0;
const retry = () => {
  refused += 1;
  return true;
};
const octokit = new (Octokit.plugin(throttling))({
  baseUrl,
  auth: "token",
  throttle: { onRateLimit: retry, onSecondaryRateLimit: retry },
  log: { debug() {}, info() {}, warn() {}, error() {} },
});
const started = performance.now();
const pages = Array.from({ length: Number(count) }, (_, index) => `GET /pages/${index + 1}`);
await Promise.all(pages.map((page) => octokit.request(page)));
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ seconds, refused }));
