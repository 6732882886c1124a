// What pages ask for, each under a name that says when it is stale.
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, got, holdToken, ProblemError, type Schemas } from "./client";

export type Result = Schemas["ResultClass"];

/** How often what moves is asked for again, in milliseconds. */
const LIVE = 4000;
const PAGE = 100;

/** A list of the API: its pages, read on as the reader does. */
export function usePages<T>(key: readonly unknown[], page: (cursor: string | null) => Promise<{ items: T[]; next_cursor?: string | null }>, refetchInterval?: number) {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => page(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    ...(refetchInterval === undefined ? {} : { refetchInterval }),
  });
  return { ...query, items: query.data?.pages.flatMap((found) => found.items) ?? [] };
}
export const paged = (cursor: string | null) => ({ limit: PAGE, cursor });

export const useSession = () =>
  useQuery({
    queryKey: ["session"],
    queryFn: async () => {
      const session = await got(client.GET("/api/v1/session"));
      holdToken(session.csrf);
      return session;
    },
    retry: false,
  });

export function useSignIn() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (key: string) => {
      const session = await got(client.POST("/api/v1/session", { body: { key } }));
      holdToken(session.csrf);
      return session;
    },
    onSuccess: (session) => queries.setQueryData(["session"], session),
  });
}

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => got(client.DELETE("/api/v1/session")),
    onSettled: () => {
      holdToken(undefined);
      // Nothing that was shown outlives the session; asking who is signed in shows the sign-in.
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
      void queries.resetQueries({ queryKey: ["session"] });
    },
  });
}

export const useStatus = (enabled = true) =>
  useQuery({ queryKey: ["status"], queryFn: () => got(client.GET("/api/v1/status")), refetchInterval: LIVE, enabled });

export const useDeployments = () =>
  usePages(["deployments"], (cursor) => got(client.GET("/api/v1/deployments", { params: { query: paged(cursor) } })));
export const useDeployment = (name: string) =>
  useQuery({
    queryKey: ["deployments", name],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}", { params: { path: { name } } })),
  });
export const useContract = (digest: string | undefined) =>
  useQuery({
    queryKey: ["contract", digest],
    queryFn: () => got(client.GET("/api/v1/contracts/{digest}", { params: { path: { digest: digest ?? "" } } })),
    enabled: digest !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });

export interface DecisionFilter {
  deployment: string | null;
  result: Result | null;
  since: string | null;
  until: string | null;
}
export const useDecisions = (filter: DecisionFilter) =>
  usePages(["decisions", filter], (cursor) => {
    const query = Object.fromEntries(Object.entries({ ...filter, ...paged(cursor) }).filter(([, value]) => value !== null));
    return got(client.GET("/api/v1/decisions", { params: { query } }));
  });
export const useLatest = (limit: number, deployment?: string) =>
  useQuery({
    queryKey: ["latest", limit, deployment],
    queryFn: () =>
      got(client.GET("/api/v1/decisions", { params: { query: { limit, ...(deployment === undefined ? {} : { deployment }) } } })),
    refetchInterval: LIVE,
    placeholderData: keepPreviousData,
  });

export const useRefused = (deployment: string) =>
  useQuery({
    queryKey: ["refused", deployment],
    queryFn: () => got(client.GET("/api/v1/decisions", { params: { query: { limit: 8, deployment, result: "refused" } } })),
    placeholderData: keepPreviousData,
  });

const ofDecision = (id: string) => ({ params: { path: { id } } });
export const useTrace = (id: string) =>
  useQuery({ queryKey: ["trace", id], queryFn: () => got(client.GET("/api/v1/decisions/{id}/trace", ofDecision(id))) });
export const useExplanation = (id: string, audience: Schemas["Audience"], language: string, row: number) =>
  useQuery({
    queryKey: ["explanation", id, audience, language, row],
    queryFn: () =>
      got(
        client.GET("/api/v1/decisions/{id}/explanation", {
          params: { path: { id }, query: { for: audience, language, row } },
        }),
      ),
    retry: false,
    placeholderData: keepPreviousData,
  });
export const fetchReceipt = (id: string) => got(client.GET("/api/v1/decisions/{id}/receipt", ofDecision(id)));
export const useReplay = () =>
  useMutation({ mutationFn: (id: string) => got(client.POST("/api/v1/decisions/{id}/replay", ofDecision(id))) });
export const useReviewHistory = (id: string) =>
  useQuery({
    queryKey: ["review", id],
    queryFn: async () => {
      try {
        return await got(client.GET("/api/v1/decisions/{id}/review", ofDecision(id)));
      } catch (error) {
        if (error instanceof ProblemError && error.status === 404) return null;
        throw error;
      }
    },
    retry: false,
  });
export function useSayReview(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (said: Schemas["ReviewDecision"]) => {
      if (said.verdict === "contested") {
        await got(client.POST("/api/v1/decisions/{id}/contest", { ...ofDecision(id), body: { reason: said.reason ?? "" } }));
      } else {
        await got(client.POST("/api/v1/decisions/{id}/review", { ...ofDecision(id), body: said }));
      }
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["review", id] });
      void queries.invalidateQueries({ queryKey: ["trace", id] });
      void queries.invalidateQueries({ queryKey: ["reviews"] });
    },
  });
}
export const useReviews = (state: Schemas["ReviewState"]) =>
  usePages(["reviews", state], (cursor) =>
    got(client.GET("/api/v1/reviews", { params: { query: { state, ...paged(cursor) } } })),
  );
export const useReviewSummary = () =>
  useQuery({ queryKey: ["reviews", "summary"], queryFn: () => got(client.GET("/api/v1/reviews/summary")) });

export const useModels = () =>
  usePages(["models"], (cursor) => got(client.GET("/api/v1/models", { params: { query: paged(cursor) } })));
export const useVersions = (model: string) =>
  usePages(["versions", model], (cursor) =>
    got(client.GET("/api/v1/models/{model}/versions", { params: { path: { model }, query: paged(cursor) } })),
  );
export const useReport = (model: string, number: number) =>
  useQuery({
    queryKey: ["report", model, number],
    queryFn: () =>
      got(client.GET("/api/v1/models/{model}/versions/{number}/report", { params: { path: { model, number: String(number) } as never } })),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
export function useRelease(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (version: number) =>
      got(client.POST("/api/v1/deployments/{name}/release", { params: { path: { name } }, body: { version } })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["deployments"] }),
  });
}

export function useRollBack(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) => got(client.POST("/api/v1/deployments/{name}/rollback", { params: { path: { name } }, body: { reason } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["deployments"] });
      void queries.invalidateQueries({ queryKey: ["events"] });
    },
  });
}

/** Issuers at which one may sign in beside keys. */
export const useIssuers = () =>
  useQuery({
    queryKey: ["issuers"],
    queryFn: async () => {
      const answer = await fetch("/console/sign-in/oidc");
      return answer.ok ? ((await answer.json()) as { issuers: string[] }).issuers : [];
    },
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const usePrincipals = () =>
  usePages(["principals"], (cursor) => got(client.GET("/api/v1/principals", { params: { query: paged(cursor) } })));
export const useKeys = () =>
  usePages(["keys"], (cursor) => got(client.GET("/api/v1/keys", { params: { query: paged(cursor) } })));
export const useMatrix = (enabled: boolean) =>
  useQuery({ queryKey: ["matrix"], queryFn: () => got(client.GET("/api/v1/access/matrix")), enabled });
export const usePolicies = (enabled: boolean) =>
  useQuery({ queryKey: ["policies"], queryFn: () => got(client.GET("/api/v1/policies")), enabled });
export const usePreview = () =>
  useMutation({ mutationFn: (files: Schemas["PolicyFile"][]) => got(client.POST("/api/v1/policies/preview", { body: { files } })) });
export const useWhy = () =>
  useMutation({
    mutationFn: (query: { principal: string; action: string; resource: string }) =>
      got(client.GET("/api/v1/access/why", { params: { query } })),
  });
export function useMakeKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["CreateKey"]) => got(client.POST("/api/v1/keys", { body })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["keys"] }),
  });
}
export function useRevokeKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => got(client.DELETE("/api/v1/keys/{id}", { params: { path: { id } } })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["keys"] }),
  });
}

export const useQueryTables = () =>
  useQuery({ queryKey: ["tables"], queryFn: () => got(client.GET("/api/v1/query/tables")) });
/** Rows as they come: the body is read by whoever asked. */
export async function runQuery(sql: string, format: Schemas["QueryFormat"], limit?: number): Promise<Response> {
  const { error, response } = await client.POST("/api/v1/query", {
    body: { sql, format, ...(limit === undefined ? {} : { limit }) },
    parseAs: "stream",
  });
  if (!response.ok) throw new ProblemError(response.status, typeof error === "object" ? error : {});
  return response;
}

export const useEvents = () =>
  usePages(["events"], (cursor) => got(client.GET("/api/v1/events", { params: { query: paged(cursor) } })));
export const useSinks = () =>
  usePages(["sinks"], (cursor) => got(client.GET("/api/v1/sinks", { params: { query: paged(cursor) } })));
export const useErasures = () =>
  usePages(["erasures"], (cursor) => got(client.GET("/api/v1/erasures", { params: { query: paged(cursor) } })));
export const useSubject = () =>
  useMutation({
    mutationFn: (subject: string) => got(client.POST("/api/v1/subjects/status", { body: { subject } })),
  });
export const exportSubject = (subject: string) =>
  got(client.POST("/api/v1/subjects/export", { body: { subject } }));
export function useErase() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["EraseSubject"]) => got(client.POST("/api/v1/subjects/erase", { body })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["erasures"] }),
  });
}
