/** What this provider can do beyond the least, as Terraform's protocol has it. */

/** The capabilities. */
export const serverCapabilities = {
  planDestroy: true,
  getProviderSchemaOptional: true,
  moveResourceState: false,
  generateResourceConfig: true,
};
