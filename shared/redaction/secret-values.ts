/** Whether values are secrets, told by how they look. */

const PLACEHOLDER_WORD =
  /^(?:your|my|the|some|any|an?|example|sample|dummy|fake|mock|test|todo|changeme|change-me|change_me|replace|insert|placeholder|redacted|hidden|masked|none|null|undefined|true|false|required|optional|string|number|boolean|object|secret|password|passwd|token|pass|user|username|value|xxx|abc123|foo|bar|baz|env|process|config|vault|file|default|generated|unset|empty|missing|invalid|wrong|expired)(?:$|[^A-Za-z0-9])/i;
/** Filled in by something else, when it is used, or covered up. */
const FILLED_IN =
  /^(?:\$(?:[({]|[A-Z_][A-Z0-9_]*$|[a-z_]+$)|%[A-Za-z_]+%|\{\{|#\{|@Microsoft|\*{3}|\.{3}|…|\[redacted:|!(?:Ref|Sub|GetAtt|vault))|\$\{[^}]*\}|\$\(|\{\{|<[\w -]{1,60}>/;

/** `<your-token>`, `xxxx`, `${TOKEN}`, `sk-xxxxxxxx`: stands where a secret would be. */
export function isPlaceholder(value: string): boolean {
  if (FILLED_IN.test(value) || (PLACEHOLDER_WORD.test(value) && !isVaried(value))) return true;
  // What follows a prefix is one character over and over: `xxxx`, `0000`, `ghp_xxxx`.
  const end = value.slice(-200);
  const rest = end.split(/[^A-Za-z0-9*.]/).at(-1) ?? "";
  return new Set(rest.length >= 8 && rest.length > end.length / 2 ? rest : end).size <= 3;
}

/** Letters and digits mixed as in random text, or large and small letters: no word, and no name with a number at its end. */
export function isVaried(value: string): boolean {
  const digits = value.match(/[0-9]/g)?.length ?? 0;
  return /[A-Za-z]/.test(value) && entropy(value) >= 3 && (digits >= 2 || isShuffled(value));
}

/** Whether large and small letters change too often for words that are written together. */
function isShuffled(value: string): boolean {
  const changes = value.match(/[a-z](?=[A-Z])|[A-Z](?=[a-z])/g)?.length ?? 0;
  return value.length >= 16 && changes / value.length > 0.3;
}

/** Shannon's, in bits a character: about 2 for a word, 3.5 and more for random text of 16 characters and more. */
export function entropy(text: string): number {
  // The end is random where any of it is, and a long text takes no longer.
  const value = text.slice(-64);
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / value.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}

const DOTTED_NAME = /^[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)+[;,]?$/;
const NAME = /^[A-Za-z_$][A-Za-z_$]*[0-9]{0,2}$/;
const WORDS = /^[A-Za-z]+(?:[-_./: ][A-Za-z]+)*$/;
const VERSION = /^[\^~>=<v]{0,3}[0-9]+(?:\.[0-9]+){1,3}(?:[-+][A-Za-z0-9.-]*)?$/;
const CHECKSUM = /^(?:sha(?:1|224|256|384|512)|md5|h1)[-:]/i;
const LOCATION = /^(?:[a-z][a-z0-9+.-]*:\/\/|\.{1,2}\/|~\/|[A-Za-z]:\\|arn:|data:|file:)/;
const FILE =
  /^[\w@./-]+\.(?:[cm]?[jt]sx?|json|ya?ml|txt|pem|key|crt|env|toml|ini|md|py|go|rs|rb|java|sh|lock|html|css|sql|xml|conf|cfg)$/;
const TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?$|^[0-9]+(?:ms|s|m|h|d|kb|mb|gb|px|rem|%)$/i;

/** How a value was written: code has bare names, and a password in quotes may be a word. */
export type Written = { readonly quoted: boolean; readonly isPassword: boolean };

/** Whether a value that stands where a secret is expected is one: random, or long. */
export function isSecretValue(value: string, { quoted, isPassword }: Written): boolean {
  if (value.length < (isPassword ? 6 : 8) || isPlaceholder(value)) return false;
  if (/\s/.test(value)) return false; // Prose. A passphrase with blanks is not told from it.
  if (VERSION.test(value) || CHECKSUM.test(value) || isLocation(value) || TIME.test(value)) return false;
  if (!quoted && DOTTED_NAME.test(value)) return false;
  if (/^[0-9]+$/.test(value)) return isPassword && value.length >= 8;
  const mixed = /[0-9]/.test(value) && /[A-Za-z]/.test(value);
  if (isPassword && (mixed || /[!@#$%^&*+~?|]/.test(value))) return !isCode(value);
  if (isShuffled(value)) return true;
  if (WORDS.test(value)) return value.length >= 20 && !/[-_./: ]/.test(value) && entropy(value) >= 3.7;
  if (!quoted && NAME.test(value)) return false;
  return mixed ? value.length >= 10 && entropy(value) >= 2.8 : value.length >= 20 && entropy(value) >= 3.5;
}

/** A URL or a path. Base64 begins with a slash too, but no part of a path looks random. */
function isLocation(value: string): boolean {
  if (LOCATION.test(value) || FILE.test(value)) return true;
  if (!value.startsWith("/") || /[+=]/.test(value)) return false;
  return value.split("/").every((part) => part.length < 10 || !isVaried(part));
}

/** An expression, or the beginning of one. */
function isCode(value: string): boolean {
  return /^(?:[!=&|?+*^]+$|=>|\(|&&|\|\||[A-Z_]{6,}$)/.test(value);
}
