import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { ProblemError } from "./api/client";
import { LanguageProvider } from "./i18n";
import { App } from "./shell/App";
import "./theme.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      // What the server refuses it will refuse again; what did not reach it may get through.
      retry: (count, error) => count < 2 && (!(error instanceof ProblemError) || error.status === 0 || error.status >= 500),
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <LanguageProvider>
          <Router base="/console">
            <App />
          </Router>
        </LanguageProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
