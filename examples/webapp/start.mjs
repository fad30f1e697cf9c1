// `npm start`: the web application.
import { app } from './app.mjs';
import { origin, port } from './config.mjs';

app.listen(port, '127.0.0.1', (error) => {
  if (!error) return console.log(`Example: ready ${origin}/`);
  console.error(error.code === 'EADDRINUSE' ? `Port ${port} is in use. Set PORT to another one.` : error.message);
  process.exit(1);
});
