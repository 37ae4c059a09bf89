import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "coverage", ".sst", ".shim", "sst.config.ts", "infra/*.ts", "!infra/routes.ts"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    files: ["**/*.ts"],
    rules: {
      // Numbers in messages are meant; everything else in a template must be a string.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // A port's memory adapter is async because the port is, not because it waits.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-definitions": "off",
      // An outcome that is added must be handled wherever outcomes are told apart.
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
      ],
      // One file is one import away; a barrel hides which one a caller needs.
      "no-restricted-syntax": [
        "error",
        { selector: "ExportAllDeclaration", message: "Import the file you need: barrels hide it." },
        {
          selector: "ExportDefaultDeclaration",
          message: "Named exports only: one name everywhere finds every use.",
        },
      ],
    },
  },
  {
    // Tools that insist on a default export, and tests whose matchers take unbound methods.
    files: ["*.config.ts", "test/**/*.ts"],
    rules: { "no-restricted-syntax": "off", "@typescript-eslint/unbound-method": "off" },
  },
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
