import { simpleCommands } from "./shell-words.ts";

/**
 * A kind of command after which there may be no way back. `pattern` is of one command of a line, its words joined by one
 * blank, without the path of the program.
 */
export type RiskyOperation = { readonly name: string; readonly pattern: RegExp };

const operation = (name: string, pattern: RegExp): RiskyOperation => ({ name, pattern });
/** Package runners, and scripts of a package: `npx prisma`, `npm run deploy`. */
const RUN = String.raw`(?:(?:npx|bunx|pnpx|uvx|poetry run|uv run|bundle exec|pnpm exec|pnpm dlx|yarn dlx|npm exec)(?: -\S+)*(?: --)? )?`;
const run = (rest: string) => new RegExp(`^${RUN}${rest}`);
/** Whatever may stand between a program and its command. */
const FLAGS = String.raw`(?: -\S+(?: [^-\s]\S*)?)*?`;

/** What our own supervisor takes for risky; others may be given in its place. */
export const RISKY_OPERATIONS: readonly RiskyOperation[] = [
  operation("git push", run(`git${FLAGS} push(?! .*--dry-run)\\b`)),
  operation(
    "git history",
    run(
      `git${FLAGS} (?:reset .*--hard|clean .*-\\w*f\\w*|filter-branch|filter-repo|rebase|stash (?:drop|clear)|branch .*-D|checkout .*(?:-f|--force)|update-ref -d|worktree remove .*(?:-f|--force)|reflog expire|gc .*--prune=now)(?= |$)`,
    ),
  ),
  operation(
    "rm -rf",
    /^(?:rm(?= .*(?:-\w*[rR]|--recursive))|rmdir \/s|shred|srm|find .*-delete\b|find .*-exec rm\b)/,
  ),
  operation("disk", /^(?:dd .*\bof=|mkfs|fdisk|parted|wipefs|diskutil erase|truncate -s ?0)/),
  operation(
    "migration",
    run(
      String.raw`(?:prisma (?:migrate|db push)|drizzle-kit (?:push|migrate)|knex migrate:|sequelize(?:-cli)? db:(?:migrate|drop|seed)|typeorm.* (?:migration:run|migration:revert|schema:sync|schema:drop)|alembic (?:upgrade|downgrade)|flyway .*(?:migrate|clean|repair)|liquibase .*(?:update|rollback|drop)|dbmate (?:up|down|drop|migrate)|goose .*(?:up|down|reset)|atlas (?:schema|migrate) apply|(?:rails|rake) db:|(?:python3? )?(?:\./)?manage\.py (?:migrate|flush)|php artisan migrate|supabase db (?:push|reset)|mix ecto\.(?:migrate|drop|rollback|reset)|diesel (?:migration|database)|sqlx (?:migrate|database)|migrate .*(?:up|down|drop))`,
    ),
  ),
  operation(
    "script",
    /^(?:npm|pnpm|yarn|bun|make|just|task)(?: run)?(?: -\S+)* (?:\S*[:_-])?(?:deploy|migrate|migration|publish|release|rollback|drop|destroy)(?:[:_-]\S*)?(?= |$)/,
  ),
  operation(
    "deploy",
    run(
      String.raw`(?:sst (?:deploy|remove)|terraform${FLAGS} (?:apply|destroy|import|state (?:rm|mv))|tofu${FLAGS} (?:apply|destroy)|pulumi (?:up|destroy|refresh)|cdk (?:deploy|destroy)|serverless (?:deploy|remove)|sls (?:deploy|remove)|sam deploy|kubectl${FLAGS} (?:apply|delete|replace|patch|scale|rollout|drain|cordon|edit|set)|oc${FLAGS} (?:apply|delete)|helm${FLAGS} (?:install|upgrade|uninstall|delete|rollback)|ansible-playbook|(?:fly|flyctl) (?:deploy|destroy|apps destroy)|vercel(?: deploy| --prod|$)|netlify deploy|wrangler (?:deploy|publish|delete)|firebase deploy|heroku .*(?:destroy|reset|deploy)|railway up|eb deploy|cap \S+ deploy|skaffold run|argocd app (?:sync|delete)|gcloud .*(?:deploy|delete)\b|az .*(?:delete|deployment .*create)\b|aws .*(?: delete-\S+| terminate-\S+|s3 (?:rm|rb|sync|mv)|cloudformation (?:deploy|create|update|delete)\S*))`,
    ),
  ),
  operation(
    "publish",
    run(
      String.raw`(?:(?:npm|pnpm|yarn(?: npm)?|bun|lerna|vsce|ovsx|changeset) (?:publish|unpublish|deprecate)|cargo (?:publish|yank)|gem push|twine upload|(?:poetry|uv|flit|hatch) publish|docker${FLAGS} (?:push|buildx .*--push|image push|manifest push|compose .*push)|podman${FLAGS} push|skopeo copy|gh (?:release (?:create|delete|upload)|repo delete|pr merge|workflow run)|semantic-release|np|goreleaser(?: release|$))(?= |$)`,
    ),
  ),
  operation(
    "docker",
    /^(?:docker|podman) (?:system prune|volume (?:rm|prune)|(?:compose|-compose) .*down .*(?:-v|--volumes)|rm .*-\w*f\w*)(?= |$)|^docker-compose .*down .*(?:-v|--volumes)/,
  ),
  operation(
    "database",
    /(?:^| )(?:dropdb|mysqladmin .*drop|redis-cli .*(?:flushall|flushdb)|mongo\S* .*(?:dropDatabase|\.drop\()|.*\b(?:drop (?:table|database|schema|index|view|user|role)|truncate (?:table )?\w|delete from \w+(?! where)))/i,
  ),
  operation(
    "force",
    /^(?!(?:rm|cp|mv|ln|git|docker|npm|pnpm|yarn|tail|cut|grep|awk|sed|test|curl|find|tar) )\S+.* (?:--force|--force-with-lease|--no-preserve-root|--yes-really|--accept-data-loss)(?= |$)/,
  ),
  operation(
    "system",
    /^(?:shutdown|reboot|halt|poweroff|systemctl (?:stop|disable|mask)|kill(?:all)? -9 -1|iptables -F|crontab -r|chmod .*-\w*R|chown .*-\w*R|userdel|visudo)(?= |$)/,
  ),
];

/** Of one command: patterns look for several things one after the other, which takes time with the square of it. */
const COMMAND_CHARACTERS_LIMIT = 2_000;
/** SQL is risky where a client is given it, not where a text is searched or printed. */
const SQL_CLIENT =
  /^(?:psql|mysql|mariadb|sqlite3?|sqlcmd|clickhouse(?:-client)?|cockroach|duckdb|bq|snowsql|redis-cli|mongo\w*|dropdb|mysqladmin|echo|cat|printf)\b/;
const PRINTS = /^(?:echo|cat|printf)\b/;

/** The first risky operation of a shell's command line, or null. */
export function findRiskyOperation(
  commandLine: string,
  operations: readonly RiskyOperation[] = RISKY_OPERATIONS,
): string | null {
  const commands = simpleCommands(commandLine).map(([program = "", ...rest]) =>
    [program.slice(program.lastIndexOf("/") + 1), ...rest].join(" ").slice(0, COMMAND_CHARACTERS_LIMIT),
  );
  // `echo "drop table x" | psql`: what is printed is run by who reads it.
  const feedsClient = commands.some((command) => SQL_CLIENT.test(command) && !PRINTS.test(command));
  for (const command of commands) {
    const found = operations.find(({ name, pattern }) => {
      if (name === "database" && (!SQL_CLIENT.test(command) || (PRINTS.test(command) && !feedsClient)))
        return false;
      return pattern.test(command);
    });
    if (found) return found.name;
  }
  return null;
}
