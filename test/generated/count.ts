/** Prints how much the contract holds: resources, and fields that users write. For `make test`. */
import { resourceShapes } from '../../provider/src/schema/all-shapes.js';
import { contractTypes } from '../../server/src/resource/type-registry.js';
import { casesOf } from './cases.js';

const resources = [...resourceShapes().keys()];
const fields = resources.reduce((sum, name) => sum + casesOf(name).length, 0);
process.stdout.write(
  `${contractTypes.types.length} resource types, ${resources.length} of them in Terraform ` +
    `with ${fields} fields that can be written`,
);
