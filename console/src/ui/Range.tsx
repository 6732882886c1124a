// Chooses a range of time: the last so long, or from one time to another.
import { useWords } from "../i18n";
import { LAST } from "../time";

const local = (text: string | undefined) => {
  const time = new Date(text ?? "");
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

export function RangePicker({ value, change, now }: { value: string; change: (value: string) => void; now: number }) {
  const words = useWords().range;
  const isCustom = value.includes("..");
  const [from, to] = value.split("..");
  const custom = (from: string, to: string) => change(`${from && new Date(from).toISOString()}..${to && new Date(to).toISOString()}`);
  return (
    <>
      <label>
        {words.label}
        <select
          value={isCustom ? "custom" : value}
          onChange={(event) =>
            change(event.target.value === "custom" ? `${new Date(now - 3_600_000).toISOString()}..` : event.target.value)
          }
        >
          {LAST.map(({ key }) => (
            <option key={key} value={key}>
              {words[key as keyof typeof words]}
            </option>
          ))}
          <option value="custom">{words.custom}</option>
        </select>
      </label>
      {isCustom && (
        <>
          <label>
            {words.from}
            <input type="datetime-local" value={local(from)} onChange={(event) => custom(event.target.value, local(to))} />
          </label>
          <label>
            {words.to}
            <input type="datetime-local" value={local(to)} onChange={(event) => custom(local(from), event.target.value)} />
          </label>
        </>
      )}
    </>
  );
}
