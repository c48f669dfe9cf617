// A program against the generated types: it compiles when the contract's types are exact, and only then.
import type { paths } from "./pairing-tracker";

type Agreements = paths["/api/v1/agreements"];
type Page = Agreements["get"]["responses"][200]["content"]["application/json"];
type New = Agreements["post"]["requestBody"]["content"]["application/json"];

export function titles(page: Page): string[] {
  return page.items.map((agreement) => `${agreement.code}: ${agreement.title.zh}`);
}

export const next = (page: Page): string | null => page.next_cursor;

export const agreement: New = {
  code: "xinhui-taishan-annual-2023",
  pairing: "xinhui-taishan",
  kind: "annual_agreement",
  title: { zh: "新会—台山2023年度协议" },
};

// @ts-expect-error An enum's values are known.
export const wrong: New = { ...agreement, kind: "anything" };
