// A server with express-rate-limit: 200 requests per 10 seconds, announced as the first argument says.
// Prints its port; answers /counts, which is not limited, with how often each path was served.
const express = require('express');
const { rateLimit } = require('express-rate-limit');

const mode = process.argv[2];
const served = {};
let refused = 0;
const app = express();
app.get('/counts', (_, response) => response.json({ served, refused }));
app.use(rateLimit({
  windowMs: 10_000,
  limit: 200,
  legacyHeaders: mode === 'legacy',
  standardHeaders: mode === 'legacy' ? false : mode,
  handler: (_, response, __, options) => {
    refused += 1;
    response.status(options.statusCode).send(options.message);
  },
}));
app.use((request, response) => {
  served[request.path] = (served[request.path] ?? 0) + 1;
  response.json({ object: 'page' });
});
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
