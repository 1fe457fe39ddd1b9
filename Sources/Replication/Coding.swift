import Messaging
import SwiftProtobuf
import Wire

/// Reads and writes messages at the edge of the process; a malformed one is a refusal.
enum Coding {
  static func decode<M: Message>(_ request: IncomingRequest) throws(Failure) -> M {
    do { return try M(serializedBytes: request.payload) } catch {
      throw Failure(.invalidRequest, "the message of \(request.method) is malformed")
    }
  }

  static func encode(_ message: some Message) throws(Failure) -> [UInt8] {
    do { return try message.serializedBytes() } catch {
      throw Failure(.internalError, "an answer could not be encoded")
    }
  }
}
