import Wire

/// Where a message goes as prices see it: an ISO 3166 country, or any.
struct Market: Hashable, Sendable {
  /// Two capital letters, or `*`.
  let code: String

  /// The market of prices that hold where a country has none of its own.
  static let any = Market(trusted: "*")

  private init(trusted code: String) { self.code = code }

  /// Two capital letters or `*`; nil otherwise.
  init?(code: String) {
    let bytes = code.utf8
    guard code == "*" || (bytes.count == 2 && bytes.allSatisfy { $0 >= 65 && $0 <= 90 }) else {
      return nil
    }
    self.code = code
  }

  /// The country of a phone number in E.164, with or without its `+`.
  ///
  /// ``any`` where the number belongs to no country (satellite and international services) or its
  /// calling code is not assigned.
  init(phone: String) {
    let digits = phone.utf8.filter { $0 >= 48 && $0 <= 57 }
    self = CallingCodes.country(of: digits).map(Market.init(trusted:)) ?? .any
  }

  /// The country in a business-scoped user id, such as `US.13491208655302741918`; nil where it has
  /// not that form.
  init?(userID: String) {
    let parts = userID.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0] != "*", let market = Market(code: String(parts[0])) else {
      return nil
    }
    self = market
  }
}
