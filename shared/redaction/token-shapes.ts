import { isPlaceholder, isVaried } from "./secret-values.ts";
import { beginsWord } from "./word-begin.ts";

/** Secrets that tell themselves by their shape, wherever they stand. */
export type Shape = {
  readonly kind: string;
  /** A text without any of these holds none: that is much faster to find out. Lower case. */
  readonly hints: readonly string[];
  /**
   * Global. Begins with something rare, or after what cannot be part of it, and what repeats is bounded or cannot fail
   * after it: then a text of any size takes time in proportion to its length.
   */
  readonly pattern: RegExp;
  /** Whether what was found is one; otherwise placeholders are passed over. */
  readonly accepts?: (found: string) => boolean;
};

const AT = beginsWord("A-Za-z0-9_");
/** Not after a character of base64. */
const AT64 = beginsWord("A-Za-z0-9_+/=.-");

const shape = (kind: string, hint: string, pattern: string, accepts?: (found: string) => boolean): Shape => ({
  kind,
  hints: hint.split(" "),
  pattern: new RegExp(pattern, "g"),
  ...(accepts && { accepts }),
});
const varied = (found: string) => isVaried(found) && !isPlaceholder(found);

const CLOUDS: readonly Shape[] = [
  // With the secret that follows it, as in a file of credentials that was downloaded.
  shape(
    "aws-key",
    "akia asia abia acca",
    `${beginsWord("A-Z0-9")}(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Z0-9])(?:[\\s,:;"']{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?`,
    (found) => !found.slice(0, 20).endsWith("EXAMPLE"),
  ),
  shape("google-api-key", "aiza", `${AT}AIza[A-Za-z0-9_-]{35}`),
  shape("google-oauth", "gocspx-", `${AT}GOCSPX-[A-Za-z0-9_-]{20,60}`),
  shape("google-oauth", "ya29.", `${AT}ya29\\.[A-Za-z0-9_-]{20,2000}`),
  shape("google-oauth", "1//0", `${beginsWord("\\w/:")}1//0[A-Za-z0-9_-]{30,300}`),
  shape(
    "azure-key",
    "accountkey= sharedaccesskey=",
    "(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{30,200}={0,2}",
  ),
  shape("azure-secret", "q~", `${AT}[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,40}`),
  shape("digitalocean-token", "_v1_", `${AT}do[opr]_v1_[a-f0-9]{40,80}`),
  shape("heroku-key", "hrku-", `${AT}HRKU-[A-Za-z0-9_-]{30,100}`),
  shape("fly-token", "fo1_ fm1 fm2", `${AT}(?:fo1_[\\w-]{40,60}|fm[12][ar]?_[A-Za-z0-9+/]{60,}={0,2})`),
  shape("cloudflare-key", "v1.0-", `${AT}v1\\.0-[a-f0-9]{24}-[a-f0-9]{100,200}`),
  shape("vault-token", "hvs. hvb. hvr.", `${AT}hv[sbr]\\.[A-Za-z0-9_-]{24,300}`),
  shape("terraform-token", ".atlasv1.", "[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_=-]{50,100}"),
  shape("pulumi-token", "pul-", `${AT}pul-[a-f0-9]{40}`),
  shape("doppler-token", "dp.", `${AT}dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9._-]{36,100}`),
];

const CODE_HOSTS: readonly Shape[] = [
  shape("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", `${AT}gh[pousr]_[A-Za-z0-9]{20,255}`),
  shape("github-token", "github_pat_", `${AT}github_pat_[A-Za-z0-9_]{20,255}`),
  shape(
    "gitlab-token",
    "gl",
    `${AT}gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20,300}`,
  ),
  shape("gitlab-token", "gr1348941", `${AT}GR1348941[A-Za-z0-9_-]{20}`),
  shape("atlassian-token", "atatt3 atctt3", `${AT}AT[AC]TT3x[A-Za-z0-9_=-]{40,300}`),
  shape("bitbucket-token", "atbb", `${AT}ATBB[A-Za-z0-9]{24,60}`),
  shape("npm-token", "npm_", `${AT}npm_[A-Za-z0-9]{30,60}`, varied),
  shape("pypi-token", "pypi-", `${AT}pypi-[A-Za-z0-9_-]{50,300}`, varied),
  shape("rubygems-key", "rubygems_", `${AT}rubygems_[a-f0-9]{40,60}`),
  shape("crates-token", "cio", `${AT}cio[A-Za-z0-9]{32}(?![A-Za-z0-9])`, varied),
  shape("nuget-key", "oy2", `${AT}oy2[a-z0-9]{43}(?![A-Za-z0-9])`, varied),
  shape("docker-token", "dckr_", `${AT}dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,100}`),
  shape("sonar-token", "sqp_ sqa_ squ_", `${AT}sq[pau]_[a-f0-9]{40}`),
  shape("buildkite-token", "bkua_", `${AT}bkua_[a-f0-9]{40}`),
  shape("jfrog-key", "akcp cmvmdgtu", `${AT}(?:AKCp|cmVmdGtu)[A-Za-z0-9]{50,120}`),
];

const MODELS: readonly Shape[] = [
  shape("anthropic-key", "sk-ant-", `${AT}sk-ant-[A-Za-z0-9_-]{20,200}`, varied),
  shape("openai-key", "sk-", `${beginsWord("A-Za-z0-9_")}sk-[A-Za-z0-9_-]{20,250}`, varied),
  shape("huggingface-token", "hf_ api_org_", `${AT}(?:hf_|api_org_)[A-Za-z0-9]{30,60}`),
  shape("replicate-token", "r8_", `${AT}r8_[A-Za-z0-9]{30,60}`),
  shape("groq-key", "gsk_", `${AT}gsk_[A-Za-z0-9]{40,80}`),
  shape("xai-key", "xai-", `${AT}xai-[A-Za-z0-9]{40,120}`, varied),
  shape("perplexity-key", "pplx-", `${AT}pplx-[A-Za-z0-9]{40,80}`),
  shape("langsmith-key", "lsv2_", `${AT}lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{8,12}`),
  shape("tavily-key", "tvly-", `${AT}tvly-[A-Za-z0-9-]{28,60}`, varied),
];

const MESSAGING: readonly Shape[] = [
  shape("slack-token", "xox", `${AT}xox[abeoprs](?:\\.xox[abp])?-[A-Za-z0-9-]{20,300}`, varied),
  shape("slack-token", "xapp-", `${AT}xapp-[0-9]-[A-Za-z0-9-]{20,200}`, varied),
  shape(
    "slack-webhook",
    "hooks.slack.com",
    "hooks\\.slack\\.com\\\\?/(?:services|workflows|triggers)[A-Za-z0-9/\\\\]{20,200}",
  ),
  shape(
    "discord-webhook",
    "/webhooks/",
    "discord(?:app)?\\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{15,20}/[A-Za-z0-9_-]{30,100}",
  ),
  shape(
    "discord-token",
    ".",
    `${beginsWord("\\w./-")}[MNO][A-Za-z0-9_-]{23,27}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,38}(?![\\w.-])`,
    varied,
  ),
  shape("telegram-token", ":aa", `${beginsWord("0-9")}[0-9]{8,10}:AA[A-Za-z0-9_-]{33}`),
  shape("teams-webhook", "webhookb2", "webhook\\.office\\.com/webhookb2/[A-Za-z0-9@/-]{30,300}"),
  shape("twilio-key", "sk", `${AT}SK[a-f0-9]{32}(?![A-Za-z0-9])`),
  shape("sendgrid-key", "sg.", `${AT}SG\\.[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{30,64}`),
  shape("mailgun-key", "key-", `${AT}key-[a-f0-9]{32}(?![A-Za-z0-9])`),
  shape("mailchimp-key", "-us", `${AT}[a-f0-9]{32}-us[0-9]{1,2}(?![A-Za-z0-9])`),
  shape("brevo-key", "xkeysib- xsmtpsib-", `${AT}x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{10,20}`),
  shape("resend-key", "re_", `${AT}re_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,30}`, varied),
];

const PAYMENTS_AND_TOOLS: readonly Shape[] = [
  shape("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_", `${AT}[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}`),
  shape("webhook-secret", "whsec_", `${AT}whsec_[A-Za-z0-9+/]{24,100}={0,2}`),
  shape("shopify-token", "shp", `${AT}shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`),
  shape("square-token", "sq0", `${AT}sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,50}`),
  shape("supabase-key", "sbp_ sb_secret_", `${AT}(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,60})`),
  shape("planetscale-token", "pscale_", `${AT}pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{30,80}`),
  shape("databricks-token", "dapi", `${AT}dapi[a-f0-9]{32}`),
  shape("netlify-token", "nfp_", `${AT}nfp_[A-Za-z0-9]{36,40}`),
  shape(
    "grafana-token",
    "glsa_ glc_",
    `${AT}(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/]{32,300}={0,2})`,
  ),
  shape("newrelic-key", "nrak-", `${AT}NRAK-[A-Z0-9]{27}`),
  shape("sentry-token", "sntry", `${AT}sntry[su]_[A-Za-z0-9+/=_-]{40,300}`),
  shape("linear-key", "lin_", `${AT}lin_(?:api|oauth)_[A-Za-z0-9]{32,64}`),
  shape(
    "notion-token",
    "ntn_ secret_",
    `${AT}(?:ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43}(?![A-Za-z0-9]))`,
    varied,
  ),
  shape("airtable-token", "pat", `${AT}pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}`),
  shape("postman-key", "pmak-", `${AT}PMAK-[a-f0-9]{24}-[a-f0-9]{34}`),
  shape("figma-token", "figd_", `${AT}figd_[A-Za-z0-9_-]{38,60}`),
  shape("dropbox-token", "sl.", `${beginsWord("\\w.-")}sl\\.(?:u\\.)?[A-Za-z0-9_-]{100,1500}`),
  shape("1password-token", "ops_eyj", `${AT}ops_eyJ[A-Za-z0-9+/_-]{50,2000}={0,2}`),
  shape("tailscale-key", "tskey-", `${AT}tskey-[a-z]{2,20}-[A-Za-z0-9-]{16,80}`, varied),
  shape("age-key", "age-secret-key-1", "AGE-SECRET-KEY-1[A-Z0-9]{50,60}"),
  shape(
    "shim-key",
    "shim_k.",
    `${AT}shim_k\\.[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_-]{1,64}\\.[A-Za-z0-9_-]{10,200}`,
  ),
  shape("shim-token", "shim_t.", `${AT}shim_t\\.[A-Za-z0-9_.-]{20,4000}`),
];

const GENERAL: readonly Shape[] = [
  // Signed with three parts, encrypted with five, or cut off: the second part alone says who somebody is.
  shape(
    "jwt",
    "eyj",
    `${beginsWord("A-Za-z0-9_-")}eyJ[A-Za-z0-9_-]{8,}\\.(?:eyJ[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_-]*)?|[A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]+){1,3})`,
  ),
  shape("password-hash", "$", "\\$(?:2[abxy]|5|6|y|apr1|argon2id?)\\$[./A-Za-z0-9$,=+-]{20,200}", isVaried),
  // A private key in PEM, in base64 once more: what follows `-----BEGIN` is no certificate and no public key.
  shape("private-key", "ls0tls1crudjti", `${AT64}LS0tLS1CRUdJTi(?!BDRVJU|BQVUJM)[A-Za-z0-9+/]{40,}={0,2}`),
  shape(
    "private-key",
    "private-lines:",
    "Private-Lines: [0-9]{1,4}(?:\\r?\\n|\\\\r?\\\\n|\\\\n)[A-Za-z0-9+/=\\s\\\\]{40,20000}",
  ),
];

export const SHAPES: readonly Shape[] = [
  ...GENERAL,
  ...CLOUDS,
  ...CODE_HOSTS,
  ...MODELS,
  ...MESSAGING,
  ...PAYMENTS_AND_TOOLS,
];
