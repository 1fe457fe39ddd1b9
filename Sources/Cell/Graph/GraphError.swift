import Foundation

/// Graph's error object, as far as it can be relied on.
///
/// Branch on `code`, never on the status.
public struct GraphError: Hashable, Sendable {
  public let code: Int
  public let subcode: Int?
  public let title: String
  /// What exactly was wrong, where Graph says so.
  public let details: String
  public let isTransient: Bool
  /// Graph's HTTP status; nil for an error in a webhook.
  public let httpStatus: Int?

  public init(
    code: Int, subcode: Int? = nil, title: String, details: String = "",
    isTransient: Bool = false, httpStatus: Int? = nil
  ) {
    self.code = code
    self.subcode = subcode
    self.title = title
    self.details = details
    self.isTransient = isTransient
    self.httpStatus = httpStatus
  }

  /// Reads the envelope `{"error": {…}}`; nil where the body is not one.
  public init?(answer: GraphResponse) {
    guard
      let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(answer.body))
    else { return nil }
    let error = envelope.error
    self.init(
      code: error.code, subcode: error.error_subcode,
      title: error.error_user_title ?? error.message ?? error.type ?? "",
      details: error.details ?? error.error_user_msg ?? "",
      isTransient: error.is_transient ?? false, httpStatus: answer.status)
  }
}

/// The envelope on the wire.
///
/// `error_data` was a string in old replies and is an object today.
private struct Envelope: Decodable {
  let error: Body

  struct Body: Decodable {
    let code: Int
    let message: String?
    let type: String?
    let error_subcode: Int?
    let is_transient: Bool?
    let error_user_title: String?
    let error_user_msg: String?
    let details: String?

    enum Keys: String, CodingKey {
      case code, message, type, error_subcode, is_transient, error_user_title, error_user_msg
      case error_data
    }
    struct ErrorData: Decodable { let details: String? }

    init(from decoder: any Decoder) throws {
      let box = try decoder.container(keyedBy: Keys.self)
      if let number = try? box.decode(Int.self, forKey: .code) {
        code = number
      } else {
        code = Int(try box.decode(String.self, forKey: .code)) ?? 0
      }
      message = try? box.decode(String.self, forKey: .message)
      type = try? box.decode(String.self, forKey: .type)
      error_subcode = try? box.decode(Int.self, forKey: .error_subcode)
      is_transient = try? box.decode(Bool.self, forKey: .is_transient)
      error_user_title = try? box.decode(String.self, forKey: .error_user_title)
      error_user_msg = try? box.decode(String.self, forKey: .error_user_msg)
      details =
        (try? box.decode(ErrorData.self, forKey: .error_data))?.details
        ?? (try? box.decode(String.self, forKey: .error_data))
    }
  }
}
