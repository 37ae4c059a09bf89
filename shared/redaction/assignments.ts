import { entropy, isPlaceholder, isSecretValue, isVaried } from "./secret-values.ts";
import { beginsWord } from "./word-begin.ts";

/** Words that a name has of which the value is a secret. `pass` only at the end: `passed: 12`. */
const PASSWORDS = "passw(?:or)?d|passphrase|passcode|pwd|pass(?![a-z])|requirepass|masterauth";
const SECRETS =
  "secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|(?:private|signing|encryption|master|root|admin|account|shared|deploy|license|session)[_-]?key|client[_-]?key[_-]?data|credential|connection[_-]?string|authorization|cookie|_auth|bearer|salt|pepper";
/** A name that goes on like this is of something about a secret: its name, its kind, where it lies. */
const ABOUT =
  /(?:hash|digest|arn|name|id|ids|type|kind|url|uri|endpoint|path|file|dir|field|length|limit|count|size|expir\w*|expires?[_-]?(?:in|at)|ttl|policy|label|placeholder|hint|prefix|suffix|regex|pattern|version|budget|usage|ref|manager|smanager|parser|index|error|message|format|algorithm|input|provider|store|required|at)$/i;
const QUOTE = "\\\\{0,3}[\"'`]";
const BARE = "[^\\s\"'`,;&<>(){}\\[\\]\\\\=]";

const QUOTED_CHARACTERS_LIMIT = 2_000;
const GAP = "[ \\t]{0,8}";
/** What stands between a name and its value, in code, YAML, XML, JSON and lists of arguments. */
const OPERATORS = [
  `:${GAP}(?:string|str)${GAP}=${GAP}`,
  `(?:${QUOTE}|\\]){0,2}${GAP}(?:=>|:=|\\?=|=(?!=)|:(?!:))${GAP}`,
  `${QUOTE}${GAP},${GAP}(?:${QUOTE}value${QUOTE}${GAP}:${GAP})?`,
  `${QUOTE}?[ \\t]{0,8}(?:\\\\n|\\r?\\n)[ \\t+-]{0,40}value:${GAP}`,
  `${QUOTE}${GAP}value${GAP}=${GAP}`,
  ">",
];
/** A name, perhaps in quotes, then what stands between, then a value, perhaps in quotes. */
const ASSIGNMENT = new RegExp(
  `(?:(?<password>${PASSWORDS})|${SECRETS})(?<more>[A-Za-z0-9_-]{0,30})(?<operator>${OPERATORS.join("|")})` +
    `(?:(?<quote>${QUOTE})(?=[^"'\`\\s])|(?<bare>${BARE}{6,100}={0,2}(?<after>[(\\[]?)))`,
  "gi",
);
/** Of a long bare value: the pattern looks no further than it needs to judge it. */
const REST = new RegExp(`${BARE}*={0,2}`, "y");
const SECRET_NAME = new RegExp(`${PASSWORDS}|${SECRETS}|auth|^(?:d|p|q|dp|dq|qi|k)$`, "i");
/** `--password VALUE`, `--token=VALUE`. */
const FLAG = new RegExp(
  `(?<flag>--[a-z-]{0,20}(?:(?<password>${PASSWORDS})|${SECRETS})[a-z-]{0,10}(?:[ \\t]{1,4}|=)["']?)(?<value>${BARE}{6,1000}={0,2})`,
  "gi",
);
const WORD = beginsWord("A-Za-z0-9_");
/** `-u user:password`, `sshpass -p password`. */
const USER_FLAG = new RegExp(
  `(?<flag>(?:${beginsWord("\\w-")}(?:-u|--user|--proxy-user)[ \\t=]{1,4}["']?[^\\s:"']{1,100}:|` +
    `${WORD}sshpass\\s{1,4}-p[ \\t]{0,4}["']?|${WORD}mysql(?:dump|admin)?\\b[^\\n|;]{0,200}?\\s-p))(?<value>[^\\s"']{4,300})`,
  "g",
);
/** `Authorization: Bearer VALUE`, and `Bearer VALUE` alone. */
const SCHEME = new RegExp(
  `(?<scheme>${WORD}(?:Bearer|Basic|Token|ApiKey|Digest|Negotiate|AWS4-HMAC-SHA256)(?:[ \\t]{1,4}|\\\\u0020|%20))` +
    `(?<value>[A-Za-z0-9._~+/-]{8,4000}={0,2})`,
  "gi",
);
const COOKIE = new RegExp(
  `(?<head>${WORD}(?:set-)?cookie["']?[ \\t]{0,4}[:=][ \\t]{0,4}["']?)` +
    `(?<value>[\\w.-]{1,100}=[^\\s;"'\\\\]{1,4000}(?:; ?[\\w.-]{1,100}=[^\\s;"'\\\\]{1,4000}){0,50})`,
  "gi",
);
/** `scheme://user:password@host`, also with slashes escaped. The last `@` ends it: passwords have some. */
const URL_PASSWORD =
  /(?<head>:\\?\/\\?\/[^\s[/:@"'`<>\\]{0,200}:)(?<value>[^\s"'`<>/\\]{1,400})(?=@[\w[$.-])/g;
/** `https://token@host` */
const URL_TOKEN = /(?<head>:\\?\/\\?\/)(?<value>[A-Za-z0-9_.~%-]{16,300})(?=@[\w[-])/g;
const SIGNATURE =
  /(?<head>[?&](?:sig|signature|x-amz-signature|x-goog-signature|x-amz-credential|code|state|key)=)(?<value>[A-Za-z0-9%+/_=.-]{20,1000})/gi;
const BLANK = "(?:\\s|\\\\[nrt])";
const NETRC = new RegExp(
  `(?<head>${WORD}(?:machine${BLANK}{1,9}[^\\s\\\\]{1,200}|default)(?:${BLANK}{1,9}(?:login|account)${BLANK}{1,9}[^\\s\\\\]{1,200}){0,2}` +
    `${BLANK}{1,9}password${BLANK}{1,9})(?<value>[^\\s\\\\"']{1,400})`,
  "g",
);
const PGPASS = /(?<head>[\w.*-]:(?:54|64)[0-9]{2}:[\w*-]{1,63}:[\w*-]{1,63}:)(?<value>[^\s:"'\\]{4,200})/g;
/** Docker's `config.json` and npm's `_auth`: a name and a password in base64. */
const AUTH_FIELD =
  /(?<head>["']?(?<![A-Za-z])_?auth\\{0,3}["']?[ \t]{0,4}[:=][ \t]{0,4}\\{0,3}["']?)(?<value>[A-Za-z0-9+/]{8,1000}={0,2})/gi;
/** The private parts of a JSON Web Key. */
const JWK =
  /(?<head>\\{0,3}"(?:d|p|q|dp|dq|qi|k)\\{0,3}"\s{0,4}:\s{0,4}\\{0,3}")(?<value>[A-Za-z0-9_-]{40,2000})/g;
const REDIS = /(?<head>(?:requirepass|masterauth)[ \t]{1,8}["']?)(?<value>[^\s"']{4,300})/g;

type Groups = Readonly<Record<string, string | undefined>>;

/** Secrets that are told by what stands before them. Each is replaced, what stands before it stays. */
export function redactAssignments(text: string): string {
  const lower = text.toLowerCase();
  const has = (...words: string[]) => words.some((word) => lower.includes(word));
  let result = text;
  if (has("://", ":\\/\\/")) {
    result = replace(result, URL_PASSWORD, "url-password", (value) => !isPlaceholder(value));
    result = replace(result, URL_TOKEN, "url-password", (value) => isVaried(value));
  }
  if (has("bearer", "basic", "token", "apikey", "digest", "negotiate", "aws4"))
    result = replace(result, SCHEME, "authorization", isCredential);
  if (has("cookie")) result = replace(result, COOKIE, "cookie", (value) => isVaried(value));
  if (has("machine", "default")) result = replace(result, NETRC, "netrc", () => true);
  if (has(":54", ":64")) result = replace(result, PGPASS, "password", (value) => !isPlaceholder(value));
  if (has("auth")) result = replace(result, AUTH_FIELD, "authorization", isBasic);
  if (has('"')) result = replace(result, JWK, "private-key", (value) => isVaried(value));
  if (has("requirepass", "masterauth"))
    result = replace(result, REDIS, "password", (value) => !isPlaceholder(value));
  if (has("?", "&")) result = replace(result, SIGNATURE, "signature", (value) => isVaried(value));
  if (has("-u", "-p", "-user", "sshpass"))
    result = replace(result, USER_FLAG, "password", (value) => !isPlaceholder(value));
  if (has("--"))
    result = replace(result, FLAG, "secret", (value, { password }) =>
      isSecretValue(value, { quoted: true, isPassword: password !== undefined }),
    );
  return replaceAssigned(result);
}

/** Whether the value of a property of this name is a secret, as in `{"password": value}`. */
export function isSecretProperty(name: string, value: string): boolean {
  if (!SECRET_NAME.test(name)) return false;
  if (value.length > 5_000 || /[\s"'`\\]/.test(value)) return false;
  const line = `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  return redactAssignments(line) !== line;
}

function replace(
  text: string,
  pattern: RegExp,
  kind: string,
  accepts: (value: string, groups: Groups) => boolean,
): string {
  return text.replace(pattern, (...parts: unknown[]) => {
    const found = String(parts[0]);
    const groups = (parts.at(-1) ?? {}) as Groups;
    const value = groups["value"] ?? "";
    return accepts(value, groups)
      ? `${found.slice(0, found.length - value.length)}[redacted:${kind}]`
      : found;
  });
}

/** By hand: after a value that is none, the search goes on inside of it, where `a:token=...` may have another. */
function replaceAssigned(text: string): string {
  ASSIGNMENT.lastIndex = 0;
  let result = "";
  let from = 0;
  for (let match = ASSIGNMENT.exec(text); match; match = ASSIGNMENT.exec(text)) {
    const groups = match.groups ?? {};
    const { quote, bare } = groups;
    const at = match.index + match[0].length - (bare ?? "").length;
    const value = quote === undefined ? (bare ?? "").replace(/[([]$/, "") : quotedAt(text, at, quote);
    if (isAssignedSecret(groups, value)) {
      const kind = groups["password"] === undefined ? "secret" : "password";
      result += `${text.slice(from, at)}[redacted:${kind}]`;
      from = at + value.length;
      if (quote === undefined) {
        REST.lastIndex = from;
        from += REST.exec(text)?.[0].length ?? 0;
      }
      ASSIGNMENT.lastIndex = from;
    } else ASSIGNMENT.lastIndex = at;
  }
  return result + text.slice(from);
}

/** Up to the same quotation mark: a password may have the others. Without an end, as far as it could be one word. */
function quotedAt(text: string, at: number, quote: string): string {
  const line = text.slice(at, at + QUOTED_CHARACTERS_LIMIT);
  const end = line.indexOf(quote);
  const value = end < 0 ? (/^[^\s"'`\\]*/.exec(line)?.[0] ?? "") : line.slice(0, end);
  return value.split(/[\r\n]/, 1)[0] ?? "";
}

function isAssignedSecret(groups: Groups, value: string): boolean {
  const more = groups["more"] ?? "";
  if (more !== "" && ABOUT.test(more)) return false;
  // A call or a member: `token = makeToken2(`.
  if (groups["after"]) return false;
  const isPassword = groups["password"] !== undefined;
  return isSecretValue(value, { quoted: groups["quote"] !== undefined, isPassword });
}

function isCredential(value: string): boolean {
  if (isPlaceholder(value)) return false;
  // A path may follow the word "token", and a long word without its marks is none.
  const isLong = value.length >= 24 && !/[/.]/.test(value) && entropy(value) >= 3.8;
  return isLong || (value.length >= 16 && isVaried(value)) || isBasic(value);
}

/** `name:password` in base64. */
function isBasic(value: string): boolean {
  if (value.length < 8 || value.length > 1_000) return false;
  return /^[\x20-\x7e]{1,}:[\x20-\x7e]{1,}$/.test(Buffer.from(value, "base64").toString("latin1"));
}
