/**
 * Answers that are known as bytes before anybody asks for them as messages: the gRPC server sends
 * the bytes, and Connect's handlers read the fields, which are made when they are read.
 */
const encodings = new WeakMap<object, () => Uint8Array>();

/** The same answer, which is encoded like this. What `encode` returns must not be changed. */
export function encodedBy<T extends object>(answer: T, encode: () => Uint8Array): T {
  encodings.set(answer, encode);
  return answer;
}

/** How an answer is encoded, where that is known. */
export const encodingOf = (answer: object): (() => Uint8Array) | undefined => encodings.get(answer);
