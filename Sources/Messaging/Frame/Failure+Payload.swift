import SwiftProtobuf
import Wire

extension Failure {
  /// The refusal as the payload of a refusal frame: an encoded `ProtoFailure`.
  var payload: [UInt8] {
    var message = Aimstors_ProtoFailure()
    message.code = code.rawValue
    message.detail = detail
    message.retryAfterMs = retryAfterMilliseconds ?? 0
    // Strings and integers always encode; an empty payload reads as an internal error below.
    return (try? message.serializedBytes()) ?? []
  }

  /// The refusal in `payload`; an internal error where it cannot be read.
  init(payload: [UInt8]) {
    guard let message = try? Aimstors_ProtoFailure(serializedBytes: payload), !message.code.isEmpty
    else {
      self.init(.internalError, "the peer refused with an unreadable reason")
      return
    }
    self.init(
      FailureCode(rawValue: message.code), message.detail,
      retryAfterMilliseconds: message.retryAfterMs > 0 ? message.retryAfterMs : nil)
  }
}
