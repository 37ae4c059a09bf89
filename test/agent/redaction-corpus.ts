import { createRandom } from "../bench/random.ts";

/**
 * Made-up secrets, each well formed, and texts that look like secrets and are none. They are put together when they are
 * used, from parts that are none by themselves: nothing that searches repositories for secrets finds one here.
 */
export type Planted = {
  readonly name: string;
  /** As it stands in a text. */
  readonly text: string;
  /** What must not be found afterwards. */
  readonly secret: string;
};

const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS = "0123456789";
const ALNUM = UPPER + UPPER.toLowerCase() + DIGITS;
const BASE64 = `${ALNUM}+/`;
const URL64 = `${ALNUM}-_`;
const HEX = "0123456789abcdef";

type Make = (alphabet: string, length: number) => string;

function makerOf(seed: number): Make {
  const random = createRandom(seed);
  const one = (alphabet: string) => alphabet[Math.floor(random() * alphabet.length)] ?? "";
  return (alphabet, length) => {
    const text = Array.from({ length }, () => one(alphabet)).join("");
    // Random text of this length has digits; a seed on which it has none is no case of interest.
    return alphabet === ALNUM && length >= 8
      ? `${text.slice(0, length - 2)}${one("23456789")}${one(DIGITS)}`
      : text;
  };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** `prefix` in pieces: `["gh", "p_"]`. */
const alone = (name: string, prefix: readonly string[], rest: string): Planted => {
  const secret = prefix.join("") + rest;
  return { name, text: `run it with ${secret} and look`, secret };
};
const within = (name: string, before: string, secret: string, after = ""): Planted => ({
  name,
  text: `${before}${secret}${after}`,
  secret,
});

function tokens(make: Make): Planted[] {
  return [
    alone("AWS access key", ["AK", "IA"], make("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    alone("AWS temporary key", ["AS", "IA"], make("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    alone("Google API key", ["AI", "za"], make(URL64, 35)),
    alone("Google OAuth client secret", ["GOC", "SPX-"], make(URL64, 28)),
    alone("Google access token", ["ya", "29."], make(URL64, 120)),
    alone("Azure client secret", [make(ALNUM, 3), "8", "Q~"], make(ALNUM, 34)),
    alone("GitHub token", ["gh", "p_"], make(ALNUM, 36)),
    alone("GitHub app token", ["gh", "s_"], make(ALNUM, 36)),
    alone("GitHub fine-grained token", ["github", "_pat_"], `${make(ALNUM, 22)}_${make(ALNUM, 59)}`),
    alone("GitLab token", ["glp", "at-"], make(URL64, 20)),
    alone("GitLab runner token", ["glr", "t-"], make(URL64, 20)),
    alone("Bitbucket app password", ["AT", "BB"], make(ALNUM, 32)),
    alone("Atlassian token", ["ATA", "TT3xFfGF0"], make(URL64, 170)),
    alone("Slack bot token", ["xo", "xb-"], `${make(DIGITS, 12)}-${make(DIGITS, 12)}-${make(ALNUM, 24)}`),
    alone("Slack app token", ["xa", "pp-"], `1-A${make(DIGITS, 10)}-${make(DIGITS, 13)}-${make(HEX, 64)}`),
    within(
      "Slack webhook",
      "https://hooks.slack.com/services/",
      `T${make(UPPER, 8)}/B${make(UPPER, 8)}/${make(ALNUM, 24)}`,
    ),
    within("Discord webhook", "https://discord.com/api/webhooks/", `${make(DIGITS, 18)}/${make(URL64, 68)}`),
    alone("Telegram bot token", [make("123456789", 10), ":A", "A"], make(URL64, 33)),
    alone("npm token", ["np", "m_"], make(ALNUM, 36)),
    alone("PyPI token", ["py", "pi-AgEIcHlwaS5vcmc"], make(URL64, 150)),
    alone("Docker token", ["dck", "r_pat_"], make(URL64, 27)),
    alone("RubyGems key", ["ruby", "gems_"], make(HEX, 48)),
    alone("Stripe secret key", ["sk", "_live_"], make(ALNUM, 24)),
    alone("Stripe restricted key", ["rk", "_test_"], make(ALNUM, 99)),
    alone("webhook secret", ["wh", "sec_"], make(ALNUM, 32)),
    alone("OpenAI key", ["sk", "-proj-"], make(URL64, 120)),
    alone("OpenAI old key", ["sk", "-"], make(ALNUM, 48)),
    alone("Anthropic key", ["sk-", "ant-api03-"], `${make(URL64, 93)}AA`),
    alone("Hugging Face token", ["h", "f_"], make(ALNUM, 34)),
    alone("Groq key", ["gs", "k_"], make(ALNUM, 52)),
    alone("Replicate token", ["r", "8_"], make(ALNUM, 37)),
    alone("Twilio key", ["S", "K"], make(HEX, 32)),
    alone("SendGrid key", ["S", "G."], `${make(URL64, 22)}.${make(URL64, 43)}`),
    alone("Mailgun key", ["key", "-"], make(HEX, 32)),
    alone("Mailchimp key", [make(HEX, 32)], "-us12"),
    alone("Shopify token", ["shp", "at_"], make(HEX, 32)),
    alone("DigitalOcean token", ["do", "p_v1_"], make(HEX, 64)),
    alone("Databricks token", ["da", "pi"], make(HEX, 32)),
    alone("Supabase key", ["sb", "p_"], make(HEX, 40)),
    alone("Grafana token", ["gl", "sa_"], `${make(ALNUM, 32)}_${make(HEX, 8)}`),
    alone("Sentry token", ["sn", "tryu_"], make(HEX, 64)),
    alone("Linear key", ["lin", "_api_"], make(ALNUM, 40)),
    alone("Notion token", ["nt", "n_"], make(ALNUM, 46)),
    alone("Postman key", ["PM", "AK-"], `${make(HEX, 24)}-${make(HEX, 34)}`),
    alone("Vault token", ["hv", "s."], make(URL64, 95)),
    alone("Terraform token", [make(ALNUM, 14), ".atlas", "v1."], make(URL64, 67)),
    alone("age key", ["AGE-SECRET", "-KEY-1"], make("ABCDEFGHJKLMNPQRSTUVWXYZ023456789", 58)),
    alone("SHIM key", ["shim", "_k."], `default/key_${make(ALNUM, 10)}.${make(URL64, 43)}`),
    alone(
      "SHIM token",
      ["shim", "_t."],
      `key1.${base64url({ fleet: "f", host: make(ALNUM, 8) })}.${make(URL64, 43)}`,
    ),
    alone("JSON web token", [], jwt(make)),
  ];
}

function jwt(make: Make): string {
  return `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url({ sub: make(DIGITS, 8) })}.${make(URL64, 43)}`;
}

function inContext(make: Make): Planted[] {
  const password = (length = 14) => `${make(ALNUM, length - 2)}7x`;
  const user = () => `deploy:${password()}`;
  return [
    within("AWS secret in a file", "[default]\naws_secret_access_key = ", make(BASE64, 40)),
    within("AWS secret in JSON", '{"SecretAccessKey": "', make(BASE64, 40), '"}'),
    within(
      "Azure connection string",
      "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=",
      `${make(BASE64, 86)}==`,
    ),
    within(
      "Azure signature",
      "https://a.blob.core.windows.net/c?sv=2024&se=2026-01-01&sig=",
      `${make(ALNUM, 40)}%3D`,
    ),
    within("Postgres URL", "DATABASE_URL=postgres://app:", password(), "@db.example.org:5432/app"),
    within("Redis URL", "redis://:", password(), "@10.0.0.4:6379/0"),
    within("MongoDB URL", "mongodb+srv://svc:", `${password()}!`, "@cluster0.example.net/?retryWrites=true"),
    within("URL with an @ in its password", "amqp://u:", `${password(8)}@${password(8)}`, "@mq:5672"),
    within("URL with escaped slashes", '"https:\\/\\/bot:', password(), '@git.example.org\\/x.git"'),
    within("token in a git remote", "origin https://", make(ALNUM, 40), "@github.com/o/r (fetch)"),
    within("ADO connection string", "Server=db;User Id=sa;Password=", password(), ";Encrypt=true"),
    within("JDBC URL", "jdbc:mysql://db/app?user=app&password=", password(), "&useSSL=true"),
    within(
      "Authorization header",
      "curl -H 'Authorization: Bearer ",
      make(URL64, 44),
      "' https://api.example.org",
    ),
    within("Authorization in JSON", '{"headers":{"Authorization":"token ', make(HEX, 40), '"}}'),
    within("basic authorization", "Authorization: Basic ", base64(user())),
    within("curl's user", "curl -u admin:", password(), " https://example.org"),
    within("header of a key", "X-Api-Key: ", make(ALNUM, 32)),
    within("cookie", "Cookie: session=", make(ALNUM, 40), "; theme=dark"),
    within("password in .env", "DB_PASSWORD=", password()),
    within("short password", "password=", `hunt${make(ALNUM, 3)}7x`),
    within("quoted password", "const password = '", `${password(8)}"${password(6)}`, "';"),
    within("password of symbols", 'passwd: "', `tr!${make(ALNUM, 6)}#9&`, '"'),
    within("secret in YAML", "  client_secret: ", make(ALNUM, 32)),
    within("token in code", "token = '", make(HEX, 40), "'"),
    within("token in escaped JSON", '{\\"access_token\\":\\"', make(ALNUM, 40), '\\"}'),
    within("key of a JSON file", '"apiKey": "', make(URL64, 32), '"'),
    within("flag", "deploy --token ", make(ALNUM, 32), " --verbose"),
    within("flag with a password", "mysql --password=", password(), " app"),
    within("exported", "export SECRET_KEY_BASE=", make(HEX, 128)),
    within("XML", '<add key="ApiToken" value="', make(ALNUM, 32), '" />'),
    within("Kubernetes environment", "- name: DB_PASSWORD\n  value: ", password()),
    within(".netrc", "machine git.example.org\n  login bot\n  password ", password()),
    within("kubeconfig's key", "    client-key-data: ", base64(pem("RSA PRIVATE KEY", make).text)),
    within("kubeconfig's token", "users:\n- name: ci\n  user:\n    token: ", make(ALNUM, 64)),
    within("Docker's config.json", '{"auths":{"ghcr.io":{"auth":"', base64(user()), '"}}}'),
    within(
      "registry in .npmrc",
      "//registry.example.org/:_authToken=",
      `${make(HEX, 8)}-${make(HEX, 4)}-${make(HEX, 12)}`,
    ),
    within("password hash", "root:$6$", `${make(ALNUM, 16)}$${make(ALNUM, 86)}`, ":19000:0"),
  ];
}

const bodyOf = (make: Make) => Array.from({ length: 8 }, () => make(BASE64, 64));

function pem(label: string, make: Make, lines = bodyOf(make)): { text: string; lines: readonly string[] } {
  const dashes = "-".repeat(5);
  return {
    text: [`${dashes}BEGIN ${label}${dashes}`, ...lines, `${dashes}END ${label}${dashes}`].join("\n"),
    lines,
  };
}

function privateKeys(make: Make): Planted[] {
  const labels = [
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
  ];
  const planted = (name: string, change: (text: string) => string, label = "PRIVATE KEY"): Planted => {
    const { text, lines } = pem(label, make);
    return { name, text: change(text), secret: lines[3] ?? "" };
  };
  return [
    ...labels.map((label) => planted(label, (text) => `before\n${text}\nafter`, label)),
    planted("private key in JSON", (text) => JSON.stringify({ private_key: text })),
    planted("private key escaped twice", (text) => JSON.stringify(JSON.stringify({ key: text }))),
    planted("private key added in a diff", (text) => text.replace(/^/gm, "+")),
    planted("private key removed in a diff", (text) => text.replace(/^/gm, "-")),
    planted("private key without its end", (text) => text.slice(0, 330)),
    planted("private key without its beginning", (text) => text.slice(60)),
  ];
}

/** Over 60, of which each is another for another seed. */
export function plantedSecrets(seed: number): readonly Planted[] {
  const make = makerOf(seed);
  return [...tokens(make), ...inContext(make), ...privateKeys(make)];
}

/** Texts that are to be as they were. */
export function lookAlikes(seed: number): readonly string[] {
  const make = makerOf(seed);
  const hex = (length: number) => make(HEX, length);
  const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const certificate = pem("CERTIFICATE", make).text;
  return [
    `commit ${hex(40)}`,
    `index ${hex(7)}..${hex(7)} 100644`,
    `Merge: ${hex(9)} ${hex(9)}`,
    `sha256:${hex(64)}`,
    `"integrity": "sha512-${make(BASE64, 86)}=="`,
    `  integrity sha1-${make(BASE64, 27)}=`,
    `golang.org/x/net v0.21.0 h1:${make(BASE64, 43)}=`,
    `checksum = "${hex(64)}"`,
    `--hash=sha256:${hex(64)}`,
    `requestId: ${uuid()}`,
    `session ${uuid()} ended`,
    `"taskId": "${uuid()}"`,
    `trace 01HZX${make("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 21)}`,
    `ETag: "${hex(32)}"`,
    `data:image/png;base64,iVBORw0KGgoAAAANSUhEUg${make(BASE64, 60)}`,
    `data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ${make(BASE64, 60)}`,
    `//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjoz${make(BASE64, 60)}`,
    `dist/app.${hex(8)}.js`,
    `main.${hex(20)}.chunk.css`,
    `/usr/lib/node_modules/npm/node_modules/js-tokens/index.js`,
    `src/auth/token-parser.test.ts:42:17`,
    `C:\\Users\\me\\AppData\\Local\\Temp\\a1b2c3d4e5f6`,
    `"js-tokens": "^4.0.0"`,
    `"jsonwebtoken": "9.0.2"`,
    `resolved "https://registry.example.org/js-tokens/-/js-tokens-4.0.0.tgz#${hex(40)}"`,
    `password: required`,
    `"password": "must have at least 12 characters"`,
    `Password: `,
    `Enter the token: it is in your mail`,
    `token: <your-token>`,
    `API_KEY=xxxxxxxxxxxxxxxxxxxxxxxx`,
    `API_KEY="your-api-key-here"`,
    `GITHUB_TOKEN=\${{ secrets.GITHUB_TOKEN }}`,
    `password: \${DB_PASSWORD}`,
    `export TOKEN=$(cat /run/token)`,
    `const secret = process.env.SECRET;`,
    `const { token } = await login(user, options2);`,
    `secret = os.environ["SECRET_KEY_BASE_1"]`,
    `apiKey: config.services.billing2.apiKey,`,
    `token = generateToken32(user);`,
    `if (token === expectedToken) return;`,
    `function f(token: string, secret?: Buffer): boolean`,
    `type Props = { readonly password: z.ZodString }`,
    `max_tokens: 4096, total_tokens: 1843221`,
    `tokens per minute: 250000000`,
    `tokenUrl: https://auth.example.org/oauth2/token`,
    `secretName: database-credentials-v2`,
    `SECRET_ARN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-a1B2c3`,
    `postgres://localhost:5432/app`,
    `postgres://user:password@localhost/app`,
    `postgres://app:\${PGPASSWORD}@db/app`,
    `git@github.com:acme/repo.git`,
    `https://example.org:8443/@scope/package`,
    `Authorization: Bearer <token>`,
    `Authorization: Bearer $TOKEN`,
    `the Bearer scheme of RFC6750 says more`,
    `AKIAIOSFODNN7EXAMPLE`,
    `sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxx`,
    `class="sk-loading-indicator-placeholder-large"`,
    `ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`,
    `pk_live_ is the prefix of publishable keys`,
    certificate,
    `client-certificate-data: ${base64(certificate)}`,
    pem("PUBLIC KEY", make).text,
    `if (!text.includes("-----BEGIN PRIVATE KEY-----")) return;`,
    `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${make(BASE64, 43)} me@host`,
    `SHA256:${make(BASE64, 43)}`,
    `key-value pairs: name=value2, other=thing3`,
    `machine learning with a login form and a password field`,
    `keyframes { from { opacity: 0 } to { opacity: 1 } }`,
    `passed: 128, failed: 3, skipped: 12`,
    `X-Request-Id: ${hex(32)}`,
    `nextToken2 = parser.next(tokens[index2]);`,
    `2026-11-28T06:47:12.345Z INFO token refreshed in 123ms`,
  ];
}
