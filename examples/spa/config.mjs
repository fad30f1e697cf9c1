// Where the example listens, and its tenant.
const port = Number(process.env.PORT ?? 3000);

export const origin = `http://localhost:${port}`;
export const tenant = new URL(process.env.TENANT ?? 'http://localhost:4480').origin;
export { port };
