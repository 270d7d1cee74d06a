// TypeScript types from the JSON schema of results: there is one definition of a result, the Rust one.

const name = (ref) => ref.split("/").at(-1);

function type(schema) {
  if (schema.$ref) return name(schema.$ref);
  if (schema.oneOf) return schema.oneOf.map(type).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({...schema, type: one})).join(" | ");
  switch (schema.type) {
    case "integer":
    case "number":
      return "number";
    case "array":
      return `${type(schema.items)}[]`;
    case "object":
      return `Record<string, ${type(schema.additionalProperties)}>`;
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      throw new Error(`no TypeScript type for ${JSON.stringify(schema)}: teach types.mjs`);
  }
}

function declaration(title, schema) {
  if (!schema.properties) return `export type ${title} = ${type(schema)};`;
  const fields = Object.entries(schema.properties).map(([field, of]) => `  ${field}: ${type(of)};`);
  return [`export interface ${title} {`, ...fields, "}"].join("\n");
}

/** A module with an exported type for the schema and for each of its definitions. */
export function typesFrom(schema) {
  const all = {...schema.$defs, [schema.title]: schema};
  const parts = Object.entries(all).map(([title, of]) => declaration(title, of));
  return ["// Made by types.mjs from docs/results.schema.json.", ...parts, ""].join("\n");
}
