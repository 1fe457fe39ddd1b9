/// Who a message goes to: a phone number or a business-scoped user id.
struct Recipient: Hashable, Sendable {
  /// As the request named it.
  let input: String
  /// Digits only, as WhatsApp knows the user; nil for a user without a known number.
  let waID: String?
  let userID: String?

  /// The key under which limits and windows are kept.
  var key: String { waID ?? userID ?? input }

  /// Reads `to` and `recipient`; the phone wins where both are given.
  init(_ body: JSON) throws(GraphError) {
    let userID = body["recipient"]?.string
    if let to = body["to"] {
      guard let input = to.text, let digits = Self.digits(input) else {
        throw .invalidValue("to is not a phone number")
      }
      self.init(input: input, waID: Self.whatsAppID(digits), userID: userID)
      return
    }
    guard let userID else { throw .missingParameter("to") }
    guard Self.isUserID(userID) else { throw .invalidValue("recipient is not a user id") }
    self.init(input: userID, waID: nil, userID: userID)
  }

  init(input: String, waID: String?, userID: String?) {
    self.input = input
    self.waID = waID
    self.userID = userID
  }

  /// The user behind `from` of `POST /_sim/inbound`.
  init?(inbound text: String) {
    if Self.isUserID(text) {
      self.init(input: text, waID: nil, userID: text)
    } else if let digits = Self.digits(text) {
      self.init(input: text, waID: digits, userID: Self.userID(of: digits))
    } else {
      return nil
    }
  }

  /// The user id that goes with a phone number: the same one every time.
  static func userID(of digits: String) -> String { "US.7\(digits)" }

  /// `US.…` or `US.ENT.…`: a country, then letters and digits.
  static func isUserID(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2 || (parts.count == 3 && parts[1] == "ENT"), parts[0].count == 2,
      parts[0].allSatisfy({ $0.isASCII && $0.isUppercase }), let last = parts.last
    else { return false }
    return (1...128).contains(last.count)
      && last.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
  }

  /// The digits of a phone number that may have `+`, spaces, hyphens and parentheses.
  static func digits(_ text: String) -> String? {
    let digits = text.filter { !"+ -()".contains($0) }
    guard (7...15).contains(digits.utf8.count), digits.allSatisfy({ $0.isASCII && $0.isNumber })
    else { return nil }
    return digits
  }

  /// Mexican and old Brazilian mobile numbers have another form inside WhatsApp.
  static func whatsAppID(_ digits: String) -> String {
    if digits.hasPrefix("52"), digits.utf8.count == 12 { return "521" + digits.dropFirst(2) }
    if digits.hasPrefix("55"), digits.utf8.count == 13,
      let area = Int(digits.dropFirst(2).prefix(2)), area > 30,
      digits.dropFirst(4).first == "9"
    {
      return String(digits.prefix(4) + digits.dropFirst(5))
    }
    return digits
  }
}
