import protobuf, { type INamespace, type Type } from 'protobufjs/light.js'; // CommonJS: Node finds no names in it
import descriptor from '../generated/descriptor.json' with { type: 'json' };

/** One method as grpc-js wants it; messages are plain objects. */
export interface MethodDefinition {
  path: string; requestStream: boolean; responseStream: boolean;
  requestSerialize: (message: object) => Buffer; requestDeserialize: (bytes: Buffer) => Record<string, unknown>;
  responseSerialize: (message: object) => Buffer; responseDeserialize: (bytes: Buffer) => Record<string, unknown>;
}
export type ServiceDefinition = Record<string, MethodDefinition>;

const contract = protobuf.Root.fromJSON(descriptor as INamespace).resolveAll();

/** Numbers and enumerators' names, defaults filled in, the chosen field of a oneof named. */
const PLAIN = { longs: Number, enums: String, defaults: true, oneofs: true };
const serialize = (type: Type) => (message: object): Buffer => Buffer.from(type.encode(type.fromObject(message)).finish());
const deserialize = (type: Type) => (bytes: Buffer): Record<string, unknown> => type.toObject(type.decode(bytes), PLAIN);

/** A service of the contract. Made without proto-loader, which describes each message once more at every start, for a reflection service that nobody serves. */
export function serviceOf(name: string): ServiceDefinition {
  const service = contract.lookup(name, [protobuf.Service]);
  if (!(service instanceof protobuf.Service)) throw new Error(`the contract has no service ${name}`);
  return Object.fromEntries(service.methodsArray.map(({ name: method, requestStream, responseStream, resolvedRequestType: request, resolvedResponseType: response }) => {
    if (request === null || response === null) throw new Error(`${name}/${method} has a message that the contract does not know`);
    return [method, {
      path: `/${name}/${method}`, requestStream: requestStream === true, responseStream: responseStream === true,
      requestSerialize: serialize(request), requestDeserialize: deserialize(request), responseSerialize: serialize(response), responseDeserialize: deserialize(response),
    }];
  }));
}
