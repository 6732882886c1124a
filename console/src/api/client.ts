// The one way to the server: typed by its own OpenAPI document.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** What the server said was wrong (RFC 9457). */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<Schemas["Problem"]>,
  ) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`);
  }
}

let csrf: string | undefined;
/** The session's token, sent with everything that changes something. */
export function holdToken(token: string | null | undefined): void {
  csrf = token ?? undefined;
}

const token: Middleware = {
  onRequest({ request }) {
    if (csrf !== undefined && request.method !== "GET") request.headers.set("plimsoll-csrf", csrf);
    return request;
  },
};

export const client = createClient<paths>({ credentials: "same-origin" });
client.use(token);

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer, or its problem as an error. */
export async function got<T>(asked: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await asked.catch((cause: unknown) => {
    throw new ProblemError(0, { code: "unreachable", detail: String(cause) });
  });
  if (!response.ok) {
    throw new ProblemError(response.status, typeof error === "object" && error ? error : {});
  }
  return data as T;
}
