/**
 * Lists a type page by page at one revision.
 */
import type { AnyResource } from '../engine/fields.js';
import type { ResourceShape } from '../schema/resource-shape.js';
import { answerFields, type Caller, standardMethod } from './calls.js';

/** What to list. */
export interface ListQuestion {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly projectId?: string;
  /** The paths of the fields to read; all without them. */
  readonly fields?: readonly string[];
  readonly pagesMax: number;
  /** How many a page holds; as many as it may without it. */
  readonly pageSize?: number;
}

/** A list, as far as it was read. */
export interface Listing {
  readonly resources: readonly AnyResource[];
  readonly revision: bigint;
  /** Whether it is whole: there were no more pages than asked for. */
  readonly isComplete: boolean;
}

/** The most that a page holds. */
export const pageSizeMax = 1000;

/** Reads a list. Throws ApiError. */
export async function listResources(
  caller: Caller,
  shape: ResourceShape,
  {
    filter = '',
    orderBy = '',
    projectId = '',
    fields,
    pagesMax,
    pageSize = pageSizeMax,
  }: ListQuestion,
): Promise<Listing> {
  const method = standardMethod(shape, 'List');
  const resources: AnyResource[] = [];
  let revision = 0n;
  let pageToken = '';
  for (let page = 0; page < pagesMax; page++) {
    const readMask = fields && { paths: [...fields] };
    const request = { pageSize, pageToken, filter, orderBy, projectId, revision, readMask };
    const answer = answerFields(shape, method, await caller.unary(method, request));
    for (const one of answer.resources) resources.push(one);
    ({ revision, nextPageToken: pageToken } = answer);
    if (pageToken === '') return { resources, revision, isComplete: true };
  }
  return { resources, revision, isComplete: false };
}
