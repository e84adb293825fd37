/**
 * The text of what every resource has alike: header fields, standard methods, their messages. Pure.
 */
import type { Model } from './write-standard.js';

const option = 'limiquantix.resource.v1';

/** The header's fields, `spec` and `status`, indented for a message. */
export function headerOf(model: Model): string {
  return indent(
    `// The resource's id (UUIDv7), assigned by the server.
string id = 1 [(${option}.field).output_only = true];
${nameField(model)}
${projectField(model)}
${labelFields(model)}${serverFields}${lastFields(model)}`,
  );
}

const labelFields = (model: Model): string => `// Labels, for finding and for selecting.
map<string, string> labels = 4 [
  (buf.validate.field).map = {
    max_pairs: 64
    keys: {
      string: {pattern: "^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$"}
    }
    values: {
      string: {max_len: 63}
    }
  },
  (${option}.field)${live(model)}
];
// A description, for people.
string description = 5 [
  (buf.validate.field).string.max_len = 1024,
  (${option}.field)${live(model)}
];
`;

const serverFields = `// When it was created.
google.protobuf.Timestamp created_at = 6 [(${option}.field).output_only = true];
// When its intent last changed.
google.protobuf.Timestamp updated_at = 7 [(${option}.field).output_only = true];
// Who created it.
string created_by = 8 [(${option}.field).output_only = true];
// The store's revision of its last write.
uint64 revision = 9 [(${option}.field).output_only = true];
// Counts the changes of its spec, from 1.
uint64 generation = 10 [(${option}.field).output_only = true];
// A word that changes whenever its intent changes; an update that carries it fails if it is stale.
string etag = 11 [(${option}.field).output_only = true];
// When its deletion was requested; it goes as soon as nothing of it is left.
google.protobuf.Timestamp deletion_requested_at = 12 [(${option}.field).output_only = true];
`;

const lastFields = (model: Model): string => `// Whether deleting it is refused.
bool protected = 13 [(${option}.field)${
  model.isReadOnly
    ? '.output_only = true'
    : ` = {
  default: "false"
  disruption: DISRUPTION_LIVE
}`
}];
// The resource that it belongs to and goes with, if any.
${option}.Owner owner = 14 [(${option}.field).output_only = true];
// ${model.isReadOnly ? 'What it is about.' : 'What the user wants.'}
${model.message}Spec spec = 20 [${
  model.isReadOnly
    ? `(${option}.field).output_only = true`
    : `
  (buf.validate.field).required = true,
  (${option}.field).required = true
`
}];
// What is.
${model.message}Status status = 21 [(${option}.field).output_only = true];
`;

const live = ({ isReadOnly }: Model): string =>
  isReadOnly ? '.output_only = true' : '.disruption = DISRUPTION_LIVE';

function nameField({ isProjects, isReadOnly }: Model): string {
  const where = isProjects ? ' in its project' : '';
  if (isReadOnly) return `// The name.\nstring name = 2 [(${option}.field).output_only = true];`;
  return `// The name: a DNS label, unique among the resources of its type${where}.
string name = 2 [
  (buf.validate.field).string.pattern = "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
  (${option}.field) = {
    required: true
    disruption: DISRUPTION_LIVE
  }
];`;
}

function projectField({ isProjects, isReadOnly }: Model): string {
  if (isProjects && !isReadOnly) {
    return `// The project that it belongs to.
string project_id = 3 [
  (buf.validate.field).string.max_len = 63,
  (${option}.field) = {
    default: "\\"default\\""
    immutable: true
  }
];`;
  }
  const about = isProjects
    ? 'The project that it belongs to.'
    : 'Empty: it belongs to the installation, not to a project.';
  return `// ${about}
string project_id = 3 [
  (buf.validate.field).string.max_len = 63,
  (${option}.field) = {
    output_only: true
    immutable: true
  }
];`;
}

/** The standard methods, indented for a service. */
export function methodsOf(model: Model): string {
  const { message: m, messages: ms, type, one, labels } = model;
  const methods: string[] = [];
  const add = (verb: string, about: string, permission: string, level: string): void => {
    const name = verb === 'List' || verb === 'Watch' ? `${verb}${ms}` : `${verb}${m}`;
    const stream = verb === 'Watch' ? 'stream ' : '';
    const idempotency = level === '' ? '' : `  option idempotency_level = ${level};\n`;
    methods.push(
      `// ${about}\nrpc ${name}(${name}Request) returns (${stream}${name}Response) {\n` +
        `  option (${option}.method).permission = "${type}.${permission}";\n${idempotency}}\n`,
    );
  };
  if (!model.isReadOnly) {
    const about = `Creates ${one}. The answer comes when it is stored; its status tells the rest.`;
    add('Create', about, 'create', 'IDEMPOTENT');
  }
  add('Get', `Returns one ${model.label}.`, 'get', 'NO_SIDE_EFFECTS');
  add('List', `Returns ${labels} in pages, all taken at one revision.`, 'list', 'NO_SIDE_EFFECTS');
  if (!model.isReadOnly) {
    add('Update', `Changes the named fields of ${one}.`, 'update', '');
    const end = 'It is gone when a Watch says so, or a Get says NOT_FOUND.';
    add('Delete', `Requests the deletion of ${one}. ${end}`, 'delete', 'IDEMPOTENT');
  }
  add('Watch', `Tells every change of ${labels}, in order and without a gap.`, 'list', '');
  return indent(methods.join(''));
}

/** The messages of the standard methods. */
export function messagesOf(model: Model): string {
  const reads = [getMessages(model), listMessages(model)];
  const parts = model.isReadOnly
    ? [...reads, watchMessages(model)]
    : [
        createMessages(model),
        ...reads,
        updateMessages(model),
        deleteMessages(model),
        watchMessages(model),
      ];
  return parts.join('\n');
}

const planId = `// Judge together with the other \`validate_only\` requests of the same word, as if
  // those were carried out already: a client's word for a plan, forgotten after ten idle minutes.`;

function createMessages({ message: m, type, one, label }: Model): string {
  return `// Asks to create ${one}.
message Create${m}Request {
  // What to create; output-only fields are ignored.
  ${m} ${type} = 1 [(buf.validate.field).required = true];
  // A word of the client's for this request: the same word within 24 hours gives the same resource.
  string request_id = 2 [(buf.validate.field).string.max_len = 128];
  // Only tell what would happen.
  bool validate_only = 3;
  ${planId}
  string plan_id = 4 [(buf.validate.field).string.max_len = 128];
}

// The created ${label}.
message Create${m}Response {
  // As it was stored; for \`validate_only\`, as it would be, with the values that can be promised.
  ${m} ${type} = 1;
  // What creating it would do; set for \`validate_only\`.
  ${option}.Verdict verdict = 2;
}
`;
}

function getMessages({ message: m, type, one, label }: Model): string {
  return `// Asks for ${one}.
message Get${m}Request {
  // Its id.
  string id = 1 [(buf.validate.field).string.min_len = 1];
}

// The asked ${label}.
message Get${m}Response {
  // As it is.
  ${m} ${type} = 1;
}
`;
}

function listMessages({ message: m, messages: ms, plural, labels }: Model): string {
  return `// Asks for ${labels}.
message List${ms}Request {
  // How many a page has at most; 0 for 500.
  uint32 page_size = 1 [(buf.validate.field).uint32.lte = 1000];
  // Where the page begins: \`next_page_token\` of the page before.
  string page_token = 2 [(buf.validate.field).string.max_len = 512];
  // Which to return: terms joined by \` AND \`, each \`path=value\`, such as
  // \`labels.app=web AND status.phase=running\`, or an expression in CEL over the fields, such as
  // \`spec.cpu.cores > 4 && "app" in labels\`; all without it.
  string filter = 3 [(buf.validate.field).string.max_len = 1024];
  // The field to order by, such as \`name\` or \`created_at desc\`; by id without it.
  string order_by = 4 [(buf.validate.field).string.max_len = 64];
  // The revision to take the list at; 0 for the newest.
  uint64 revision = 5;
  // Only those of this project; empty for all.
  string project_id = 6 [(buf.validate.field).string.max_len = 63];
  // The paths of the fields to return, such as \`id\`, \`name\` and \`status.phase\`; all without
  // it.
  google.protobuf.FieldMask read_mask = 7;
}

// A page of ${labels}.
message List${ms}Response {
  // The page.
  repeated ${m} ${plural} = 1;
  // Where the next page begins; empty at the end.
  string next_page_token = 2;
  // The revision that the list was taken at; a Watch may go on from it.
  uint64 revision = 3;
}
`;
}

function updateMessages({ message: m, type, one, label }: Model): string {
  return `// Asks to change ${one}.
message Update${m}Request {
  // The new values, with the id of the ${label}.
  ${m} ${type} = 1 [(buf.validate.field).required = true];
  // The paths of the fields to change, such as \`labels\` and \`spec\`; a map is changed as a
  // whole. A field that is named and not set is removed.
  google.protobuf.FieldMask update_mask = 2 [(buf.validate.field).required = true];
  // The etag that the change was based on; empty to change whatever is there.
  string etag = 3;
  // Only tell what would happen.
  bool validate_only = 4;
  ${planId}
  string plan_id = 5 [(buf.validate.field).string.max_len = 128];
}

// The changed ${label}.
message Update${m}Response {
  // As it was stored; for \`validate_only\`, as it would be.
  ${m} ${type} = 1;
  // What the change would do; set for \`validate_only\`.
  ${option}.Verdict verdict = 2;
}
`;
}

function deleteMessages({ message: m, type, one, label }: Model): string {
  return `// Asks to delete ${one}.
message Delete${m}Request {
  // Its id.
  string id = 1 [(buf.validate.field).string.min_len = 1];
  // The etag that it must have; empty for any.
  string etag = 2;
  // Remove it even where its node can't be asked.
  bool force = 3;
  // Only tell what would happen.
  bool validate_only = 4;
  ${planId}
  string plan_id = 5 [(buf.validate.field).string.max_len = 128];
}

// The ${label} that is going.
message Delete${m}Response {
  // As it is now.
  ${m} ${type} = 1;
}
`;
}

function watchMessages({ message: m, messages: ms, type, one, label, labels }: Model): string {
  return `// Asks to watch ${labels}.
message Watch${ms}Request {
  // The revision after which the events begin; 0 for those that exist first, each as ADDED.
  uint64 from_revision = 1;
  // Which to watch, as in List.
  string filter = 2 [(buf.validate.field).string.max_len = 1024];
  // Only those of this project; empty for all.
  string project_id = 3 [(buf.validate.field).string.max_len = 63];
}

// A change of ${one}.
message Watch${ms}Response {
  // What happened.
  ${option}.EventType type = 1;
  // The ${label} after it; for DELETED as it was last; not set for BOOKMARK.
  ${m} ${type} = 2;
  // Where a Watch may go on from after this event: its revision, or the one before that amid
  // several events of one revision.
  uint64 revision = 3;
}
`;
}

/** A service file with nothing in its markers yet. */
export function newServiceFile({
  message: m,
  labels,
  package: name,
  file,
  isReadOnly,
}: Model): string {
  const imports = [
    file,
    `${option.replaceAll('.', '/')}/options.proto`,
    `${option.replaceAll('.', '/')}/resource.proto`,
  ];
  const does = isReadOnly ? 'Reads and watches' : 'Creates, reads, changes, removes and watches';
  return `// The service for ${labels}.
syntax = "proto3";

package ${name};

import "buf/validate/validate.proto";
import "google/protobuf/field_mask.proto";
${imports
  .sort()
  .map((path) => `import "${path}";\n`)
  .join('')}
// ${does} ${labels}.
service ${m}Service {
  // <standard methods>
  // </standard methods>
}

// <standard messages>
// </standard messages>
`;
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ');
