import SwiftProtobuf
import Wire

/// Reads and writes messages at the edge of the process; a malformed one is a refusal.
enum ProtoCoding {
  static func decode<M: Message>(_ type: M.Type, _ bytes: [UInt8]) throws(Failure) -> M {
    do {
      return try M(serializedBytes: bytes)
    } catch {
      throw Failure(.invalidRequest, "the message is not a \(M.protoMessageName)")
    }
  }

  static func encode(_ message: some Message) throws(Failure) -> [UInt8] {
    do {
      return try message.serializedBytes()
    } catch {
      throw Failure(.internalError, "a \(type(of: message).protoMessageName) cannot be encoded")
    }
  }
}
