import { describe, expect, test } from "vitest";
import { findRiskyOperation } from "../../../agent/checkpoints/risky-operations.ts";

describe("a command line that is risky is told", () => {
  test.each([
    "git push",
    "git push --force-with-lease origin main",
    "git -C /repo -c user.name=x push origin HEAD",
    "cd /repo && git add -A && git commit -m 'x' && git push -u origin HEAD",
    "sudo -u deploy git push",
    "GIT_SSH_COMMAND='ssh -i key' git push",
    "env A=1 B=2 git push",
    "timeout 60 git push",
    "bash -c 'cd x && git push'",
    'sh -c "git push"',
    "if test -f x; then git push; fi",
    "(cd sub; git push)",
    "echo $(git push 2>&1)",
    "npm test; /usr/bin/git push",
    "git reset --hard HEAD~3",
    "git clean -fdx",
    "git branch -D feature",
    "rm -rf node_modules",
    "rm -fr build",
    "rm -r -f build",
    "rm --recursive build",
    "sudo rm -Rf /var/data",
    "find . -name '*.tmp' -delete",
    "find . -name '*.log' -exec rm {} +",
    "ls | xargs rm -rf",
    "dd if=/dev/zero of=/dev/sda",
    "npx prisma migrate deploy",
    "prisma db push",
    "npx drizzle-kit push",
    "alembic upgrade head",
    "python manage.py migrate",
    "bundle exec rails db:migrate",
    "npm run db:migrate",
    "npm run deploy",
    "pnpm run deploy:prod",
    "make deploy",
    "npx sst deploy --stage prod",
    "sst remove",
    "terraform apply -auto-approve",
    "terraform -chdir=infra destroy",
    "kubectl apply -f x.yml",
    "kubectl -n prod delete pod web-1",
    "helm upgrade web ./chart",
    "docker push ghcr.io/o/x:1",
    "docker buildx build --push .",
    "npm publish --access public",
    "cargo publish",
    "twine upload dist/*",
    "gh release create v1",
    "vercel --prod",
    "aws s3 rm s3://bucket --recursive",
    "aws dynamodb delete-table --table-name x",
    "psql -c 'DROP TABLE users'",
    'mysql -e "delete from users"',
    "echo 'drop database app' | psql",
    "dropdb app",
    "redis-cli -h x FLUSHALL",
    "docker system prune -af",
    "docker compose down -v",
    "apt-get remove --force x --force",
    "chmod -R 777 /",
    "shutdown -h now",
  ])("%s", (line) => {
    expect(findRiskyOperation(line)).not.toBeNull();
  });
});

describe("a look-alike is not", () => {
  test.each([
    "git status",
    "git pull",
    "git log --grep push",
    "git commit -m 'git push later'",
    "git stash push",
    "git push --dry-run",
    "git remote set-url --push origin x",
    "echo 'git push'",
    "echo git push",
    "grep -rn 'git push' docs",
    "# git push",
    "cat docs/deploy.md",
    "rm file.txt",
    "rm -f file.txt",
    "ls -rf",
    "grep -rf patterns.txt src",
    "npm run dev",
    "npm run build:deployable-check",
    "npm test -- deploy",
    "npm install --force",
    "kubectl get pods",
    "kubectl describe deploy web",
    "helm list",
    "helm template x",
    "terraform plan",
    "terraform fmt",
    "sst dev",
    "npx sst diff",
    "docker build -t x .",
    "docker ps",
    "docker pull x",
    "npm pack",
    "npm view publish",
    "cargo build --release",
    "psql -c 'select * from drops'",
    "grep -i 'drop table' migrations/*.sql",
    "echo 'drop table x'",
    "cat migrations/001_drop_table.sql",
    "ls migrations",
    "vim prisma/schema.prisma",
    "npx prisma generate",
    "tail -f log",
    "cp -f a b",
    "find . -name rm",
    "python deploy_test.py",
    "vitest run test/deploy.test.ts",
    "kill 1234",
    "gh pr view 3",
    "make test",
    "aws s3 ls",
    "aws sts get-caller-identity",
    "",
    "   ",
    "'",
    '"unclosed',
    "$(",
  ])("%s", (line) => {
    expect(findRiskyOperation(line)).toBeNull();
  });
});

test("patterns can be given, and take the place of our own", () => {
  const own = [{ name: "reindex", pattern: /^bin\/reindex|^reindex/ }];
  expect(findRiskyOperation("sudo ./bin/reindex all", own)).toBe("reindex");
  expect(findRiskyOperation("git push", own)).toBeNull();
});

test("a long command line takes no long time", () => {
  const began = performance.now();
  for (const piece of ["git -c a ", "rm -", "docker compose ", "'\"", "$(", "aws ", "psql drop ", "a -b c "])
    findRiskyOperation(piece.repeat(200_000));
  expect(performance.now() - began).toBeLessThan(4_000);
});
