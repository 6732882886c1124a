// Go anywhere from the keyboard: Ctrl or ⌘ and K.
import { useEffect, useState } from "react";
import { Dialog, Input, Label, ListBox, ListBoxItem, Modal, ModalOverlay, Autocomplete, SearchField, useFilter } from "react-aria-components";
import { useLocation } from "wouter";
import type { Schemas } from "../api/client";
import { useDeployments } from "../api/queries";
import { useWords } from "../i18n";
import { gatePath } from "../ui/release";
import { may, PAGES } from "./App";

export const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function Palette({ session }: { session: Schemas["Session"] }) {
  const words = useWords();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen((open) => !open);
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)} aria-keyshortcuts="Control+K Meta+K">
        {words.nav.go} <kbd className="small soft">Ctrl K</kbd>
      </button>
      <ModalOverlay className="overlay" isOpen={isOpen} onOpenChange={setOpen} isDismissable>
        <Modal className="modal palette">
          <Dialog aria-label={words.nav.go}>
            <Targets session={session} done={() => setOpen(false)} />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

function Targets({ session, done }: { session: Schemas["Session"]; done: () => void }) {
  const words = useWords();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const { contains } = useFilter({ sensitivity: "base" });
  const deployments = useDeployments();
  const id = text.trim().toLowerCase();
  const targets = [
    ...(ID.test(id) ? [{ path: `/decisions/${id}`, name: id }] : []),
    ...PAGES.filter((page) => may(session, page.action)).map((page) => ({ path: page.path as string, name: words.nav[page.word] })),
    ...deployments.items.map((found) => ({
      path: `/deployments/${encodeURIComponent(found.name)}`,
      name: `${words.nav.deployments}: ${found.name}`,
    })),
    ...deployments.items.map((found) => ({ path: gatePath(found.name), name: words.gate.of(found.name) })),
    ...deployments.items.map((found) => ({ path: `/compliance/${encodeURIComponent(found.name)}`, name: words.assess.of(found.name) })),
  ];
  return (
    <Autocomplete inputValue={text} onInputChange={setText} filter={contains}>
      <SearchField autoFocus>
        <Label>{words.nav.go}</Label>
        <Input placeholder={words.decisions.findHint} />
      </SearchField>
      <ListBox
        aria-label={words.nav.go}
        items={targets}
        onAction={(path) => {
          go(String(path));
          done();
        }}
      >
        {(target) => (
          <ListBoxItem id={target.path} textValue={target.name}>
            {target.name}
          </ListBoxItem>
        )}
      </ListBox>
    </Autocomplete>
  );
}
