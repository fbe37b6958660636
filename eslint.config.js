import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const noDefaultExports = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: one name for one thing, wherever it is used.',
};

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', 'generated/', 'test/lab/', '**/*.cjs'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] }, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['error', 250],
      'no-empty': 'error', // an empty catch too: no catch without a decision
      'no-restricted-syntax': ['error', noDefaultExports],
      eqeqeq: 'error',
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Off: matters of taste here, none of them finds mistakes.
      '@typescript-eslint/require-await': 'off', // an interface may promise where one implementation need not wait
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off', // `readJournal<T>` names what the caller knows is on disk
      '@typescript-eslint/no-base-to-string': 'off', // values from the wire and from YAML are `unknown` and printed as found
    },
  },
  { files: ['agent/operations/*.ts'], ignores: ['agent/operations/catalogue.ts'], rules: { 'max-lines': ['error', { max: 120, skipBlankLines: true }] } },
  { files: ['test/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } }, // a test that is wrong about it fails by it
  { files: ['*.config.js', '*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
