// Who may do what, why, and with which keys.
import { type FormEvent, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { Schemas } from "../api/client";
import { useKeys, useMakeKey, useMatrix, usePolicies, usePreview, usePrincipals, useRevokeKey, useSession, useWhy } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { Ask, Badge, Head, List, Loaded, Panel, Table, When, Wrong } from "../ui/basics";

export default function Access() {
  const words = useWords();
  const session = useSession().data;
  return (
    <>
      <Head title={words.access.title} />
      <Tabs className="tabs">
        <TabList aria-label={words.access.title}>
          <Tab id="principals">{words.access.principals}</Tab>
          {may(session, "ListKeys") && <Tab id="keys">{words.access.keys}</Tab>}
          {may(session, "ReadAccess") && <Tab id="matrix">{words.access.matrix}</Tab>}
          {may(session, "ReadAccess") && <Tab id="why">{words.access.why}</Tab>}
          {may(session, "ReadPolicy") && <Tab id="policies">{words.access.policies}</Tab>}
        </TabList>
        <TabPanel id="principals">
          <Principals />
        </TabPanel>
        <TabPanel id="keys">
          <Keys session={session} />
        </TabPanel>
        <TabPanel id="matrix">
          <Matrix />
        </TabPanel>
        <TabPanel id="why">
          <Why />
        </TabPanel>
        <TabPanel id="policies">
          <Policies />
        </TabPanel>
      </Tabs>
    </>
  );
}

function Principals() {
  const words = useWords();
  const principals = usePrincipals();
  return (
    <Panel>
      <List
        of={principals}
        label={words.access.principals}
        id={(found) => found.id}
        empty={words.common.none}
        columns={[
          { name: words.common.name, cell: (found) => found.name },
          { name: words.access.kind, cell: (found) => found.kind },
          { name: words.access.roles, cell: (found) => found.roles.join(", ") },
          { name: words.common.created, cell: (found) => <When at={found.created_at} /> },
        ]}
      />
    </Panel>
  );
}

function Keys({ session }: { session: Schemas["Session"] | undefined }) {
  const words = useWords();
  const keys = useKeys();
  const [revoking, setRevoking] = useState<Schemas["ApiKey"] | null>(null);
  return (
    <Panel aside={null} title={words.access.keys}>
      {may(session, "CreateKey") && <MakeKey />}
      <List
        of={keys}
        label={words.access.keys}
        id={(key) => key.id}
        empty={words.common.none}
        columns={[
          { name: words.common.name, cell: (key) => key.name },
          { name: words.access.prefix, cell: (key) => <code>{key.prefix}</code> },
          { name: words.access.for, cell: (key) => key.principal_name },
          { name: words.deployments.environment, cell: (key) => key.environment ?? words.common.all },
          { name: words.access.scopes, cell: (key) => key.scopes?.join(", ") ?? words.common.all },
          { name: words.common.created, cell: (key) => <When at={key.created_at} /> },
          { name: words.access.expires, cell: (key) => <When at={key.expires_at} /> },
          {
            name: words.common.state,
            cell: (key) =>
              key.revoked_at ? (
                <Badge tone="bad">{words.access.revoked}</Badge>
              ) : (
                <button type="button" className="danger" disabled={!may(session, "RevokeKey")} onClick={() => setRevoking(key)} aria-label={`${words.access.revoke} ${key.name}`}>
                  {words.access.revoke}
                </button>
              ),
          },
        ]}
      />
      {revoking && <Revoke of={revoking} close={() => setRevoking(null)} />}
    </Panel>
  );
}

function Revoke({ of, close }: { of: Schemas["ApiKey"]; close: () => void }) {
  const words = useWords();
  const revoke = useRevokeKey();
  return (
    <Ask title={words.access.revoke} isOpen close={close}>
      <p>{words.access.revokeHint(of.name)}</p>
      {revoke.error !== null && <Wrong error={revoke.error} />}
      <div className="actions">
        <button type="button" onClick={close}>
          {words.common.cancel}
        </button>
        <button type="button" className="danger" disabled={revoke.isPending} onClick={() => revoke.mutate(of.id, { onSuccess: close })}>
          {words.access.revoke}
        </button>
      </div>
    </Ask>
  );
}

function MakeKey() {
  const words = useWords();
  const make = useMakeKey();
  const principals = usePrincipals();
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [principal, setPrincipal] = useState("");
  const [environment, setEnvironment] = useState("");
  const close = () => {
    setOpen(false);
    setName("");
    make.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate({
      name,
      ...(principal ? { principal } : {}),
      ...(environment ? { environment: environment as Schemas["Environment"] } : {}),
    });
  };
  return (
    <p>
      <button type="button" onClick={() => setOpen(true)}>
        {words.access.make}
      </button>
      <Ask title={words.access.make} isOpen={isOpen} close={close}>
        {make.data ? (
          <>
            <p>{words.access.makeHint}</p>
            <label>
              {words.access.secret}
              <input className="mono" readOnly value={make.data.secret} onFocus={(event) => event.target.select()} />
            </label>
            <div className="actions">
              <button type="button" onClick={() => void navigator.clipboard?.writeText(make.data.secret)}>
                {words.common.copy}
              </button>
              <button type="button" className="primary" onClick={close}>
                {words.common.close}
              </button>
            </div>
          </>
        ) : (
          <form onSubmit={submit}>
            <label>
              {words.common.name}
              <input required value={name} pattern="[a-z0-9][a-z0-9._\-]*" maxLength={64} onChange={(event) => setName(event.target.value)} />
            </label>
            <label>
              {words.access.for}
              <select value={principal} onChange={(event) => setPrincipal(event.target.value)}>
                <option value="" />
                {principals.items.map((found) => (
                  <option key={found.id}>{found.name}</option>
                ))}
              </select>
            </label>
            <label>
              {words.deployments.environment}
              <select value={environment} onChange={(event) => setEnvironment(event.target.value)}>
                <option value="">{words.common.all}</option>
                <option>development</option>
                <option>staging</option>
                <option>production</option>
              </select>
            </label>
            {make.error !== null && <Wrong error={make.error} />}
            <div className="actions">
              <button type="button" onClick={close}>
                {words.common.cancel}
              </button>
              <button type="submit" className="primary" disabled={make.isPending}>
                {words.access.make}
              </button>
            </div>
          </form>
        )}
      </Ask>
    </p>
  );
}

function Matrix() {
  const words = useWords();
  const matrix = useMatrix(true);
  const [text, setText] = useState("");
  return (
    <Panel>
      <p className="soft">{words.access.matrixHint}</p>
      <div className="bar">
        <label>
          {words.common.filter}
          <input value={text} onChange={(event) => setText(event.target.value)} />
        </label>
      </div>
      <Loaded of={matrix}>
        {({ principals, rows }) => (
          <Table
            label={words.access.matrix}
            of={rows.filter((row) => `${row.action} ${row.resource}`.toLowerCase().includes(text.toLowerCase()))}
            id={(row) => `${row.action} ${row.resource}`}
            columns={[
              { name: words.access.action, cell: (row) => row.action },
              { name: words.access.resource, cell: (row) => row.resource },
              ...principals.map((name, n) => ({ name, cell: (row: Schemas["AccessCell"]) => row.marks[n] ?? "" })),
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Why() {
  const words = useWords();
  const why = useWhy();
  const principals = usePrincipals();
  const actions = useMatrix(true).data?.rows.map((row) => row.action) ?? [];
  const [asked, setAsked] = useState({ principal: "", action: "Infer", resource: "" });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    why.mutate(asked);
  };
  return (
    <Panel>
      <form className="bar" onSubmit={submit}>
        <label>
          {words.access.principal}
          <select required value={asked.principal} onChange={(event) => setAsked({ ...asked, principal: event.target.value })}>
            <option value="" />
            {principals.items.map((found) => (
              <option key={found.id}>{found.name}</option>
            ))}
          </select>
        </label>
        <label>
          {words.access.action}
          <select value={asked.action} onChange={(event) => setAsked({ ...asked, action: event.target.value })}>
            {[...new Set(["Infer", ...actions])].map((action) => (
              <option key={action}>{action}</option>
            ))}
          </select>
        </label>
        <label>
          {words.access.resource}
          <input required value={asked.resource} placeholder={words.access.resourceHint} size={44} onChange={(event) => setAsked({ ...asked, resource: event.target.value })} />
        </label>
        <button type="submit" className="primary">
          {words.access.ask}
        </button>
      </form>
      {why.error !== null && <Wrong error={why.error} />}
      {why.data && (
        <div role="status" className="stack">
          <div>
            <Badge tone={why.data.is_allowed ? "good" : "bad"}>{why.data.is_allowed ? words.access.allowed : words.access.denied}</Badge>
          </div>
          <pre className="small">{why.data.text}</pre>
        </div>
      )}
    </Panel>
  );
}

/** The policies in force, and what others would allow and deny. They come with the build: what is tried
 * here is carried over into it, and in force nowhere before. */
function Policies() {
  const words = useWords().access;
  const policies = usePolicies(true);
  const session = useSession().data;
  const preview = usePreview();
  const [edited, setEdited] = useState<Record<string, string>>({});
  const [isEditing, setEditing] = useState(false);
  return (
    <Loaded of={policies}>
      {({ files }) => (
        <>
          {may(session, "ReadAccess") && (
            <Panel>
              <p className="soft">{words.tryHint}</p>
              <div className="bar">
                <label className="row">
                  <input type="checkbox" checked={isEditing} onChange={(event) => setEditing(event.target.checked)} /> {words.tryOut}
                </label>
                {isEditing && (
                  <>
                    <button
                      type="button"
                      className="primary"
                      disabled={preview.isPending}
                      onClick={() => preview.mutate(files.map(({ name, text }) => ({ name, text: edited[name] ?? text })))}
                    >
                      {words.preview}
                    </button>
                    <button
                      type="button"
                      onClick={() => {
                        setEdited({});
                        preview.reset();
                      }}
                    >
                      {words.undo}
                    </button>
                  </>
                )}
              </div>
              {preview.error !== null && <Wrong error={preview.error} />}
              {preview.data && <Previewed of={preview.data} />}
            </Panel>
          )}
          {files.map((file) => (
            <Panel key={file.name} title={file.name} aside={edited[file.name] !== undefined && edited[file.name] !== file.text ? <Badge tone="warn">{words.edited}</Badge> : null}>
              {isEditing ? (
                <textarea
                  className="mono wide"
                  rows={Math.min(file.text.split("\n").length + 1, 24)}
                  spellCheck={false}
                  aria-label={file.name}
                  value={edited[file.name] ?? file.text}
                  onChange={(event) => setEdited({ ...edited, [file.name]: event.target.value })}
                />
              ) : (
                <pre className="small scroll" tabIndex={0}>
                  {file.text}
                </pre>
              )}
            </Panel>
          ))}
        </>
      )}
    </Loaded>
  );
}

function Previewed({ of }: { of: Schemas["PolicyPreview"] }) {
  const words = useWords().access;
  if (of.fault) {
    return (
      <div className="note bad" role="alert">
        {of.fault}
      </div>
    );
  }
  return (
    <div role="status" className="stack">
      <div className={of.changes.length === 0 ? "note" : "note warn"}>
        {words.changes(of.changes.length, of.asked)} {of.is_truncated && words.truncated}
      </div>
      {of.changes.length > 0 && (
        <Table
          label={words.preview}
          of={of.changes}
          id={(change) => `${change.principal} ${change.action} ${change.resource}`}
          columns={[
            { name: words.principal, cell: (change) => change.principal },
            { name: words.action, cell: (change) => change.action },
            { name: words.resource, cell: (change) => change.resource },
            { name: words.before, cell: (change) => change.before },
            { name: words.after, cell: (change) => <Badge tone={change.after === "permit" ? "good" : "bad"}>{change.after}</Badge> },
          ]}
        />
      )}
    </div>
  );
}
