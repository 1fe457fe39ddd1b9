/// Every error code of the Cloud API that we know, as data.
public enum GraphErrorRules {
  /// Rows are disjoint and in the order of their codes.
  public static let table: [GraphErrorRule] = accountRows + sendRows + templateRows + numberRows

  private static let brief = GraphRetry(seconds: 2, attempts: 6)
  private static let slow = GraphRetry(seconds: 60, attempts: 6)
  private static let day = GraphRetry(seconds: 86_400, factor: 1, attempts: 3)

  private static let accountRows: [GraphErrorRule] = [
    .init(
      0...0, "the access token cannot be authenticated", [.number],
      "connect the number again with a valid access token"),
    .init(
      1...1, "unknown request or server fault", retry: .init(seconds: 2, attempts: 3), [.request],
      "check the request; if it is right, try later"),
    .init(2...2, "Graph is down or overloaded", retry: brief, "nothing: it is tried again"),
    .init(
      3...3, "a capability or permission is missing", [.number],
      "grant the app its permissions and resume the number"),
    .init(4...4, "the app calls too often", retry: slow, "nothing: it is tried again, slower"),
    .init(
      10...10, "a permission is missing", [.number],
      "grant whatsapp_business_messaging to the token and resume the number"),
    .init(
      33...33, "the phone number was deleted", [.number], "connect another phone number"),
    .init(100...100, "a parameter is wrong", [.request], "correct the field named in the details"),
    .init(
      190...190, "the access token expired or is invalid", [.number],
      "connect the number again with a new access token"),
    .init(
      200...299, "a permission is missing", [.number],
      "grant whatsapp_business_messaging to the token and resume the number"),
    .init(
      368...368, "the account is blocked for a policy violation", [.number],
      "appeal in WhatsApp Manager, then resume the number"),
    .init(
      80_007...80_008, "the account's management limit is reached", retry: slow,
      "nothing: it is tried again, slower"),
  ]

  private static let sendRows: [GraphErrorRule] = [
    .init(
      130_403...130_403, "this user is blocked by the business", [.recipient],
      "unblock the user before sending"),
    .init(
      130_429...130_429, "the number's throughput is reached",
      retry: .init(seconds: 1, attempts: 8), effects: [.slowNumber],
      "nothing: it is tried again, slower"),
    .init(
      130_472...130_472, "the user is part of an experiment of Meta's", [.recipient],
      "reach this user otherwise; it was not charged"),
    .init(
      130_497...130_497, "this business may not write to that country", [.recipient, .campaign],
      effects: [.country], "remove the country's recipients and resume the campaign"),
    .init(
      131_000...131_000, "unknown fault; it may have been sent",
      retry: .init(seconds: 60, attempts: 1), effects: [.maybeSent],
      "nothing: a status is awaited before it is tried once more"),
    .init(
      131_005...131_005, "access denied", [.number],
      "grant the token access to the number and resume the number"),
    .init(131_008...131_008, "a parameter is missing", [.request], "add the missing parameter"),
    .init(131_009...131_009, "a parameter's value is invalid", [.request], "correct the value"),
    .init(131_016...131_016, "the service is unavailable", retry: brief, "nothing: tried again"),
    .init(
      131_021...131_021, "recipient and sender are the same", [.request], "send to another number"),
    .init(
      131_026...131_026, "undeliverable: not on WhatsApp, or an app too old", [.recipient],
      effects: [.unreachable], "check the number with the person"),
    .init(
      131_030...131_030, "the recipient is not on the test number's list", [.request],
      "add the recipient in the app's dashboard, or send from a live number"),
    .init(
      131_031...131_031, "the account is locked", [.number],
      "resolve it in WhatsApp Manager, then resume the number"),
    .init(
      131_037...131_037, "the display name is not approved", [.number],
      "have the display name approved, then resume the number"),
    .init(
      131_042...131_042, "payment problem of the WhatsApp account", [.number, .campaign],
      "add a payment method in WhatsApp Manager, then resume"),
    .init(
      131_045...131_045, "the number is not registered properly", [.number],
      "register the number again, then resume the number"),
    .init(
      131_047...131_047, "more than 24 hours since the user last wrote", [.recipient],
      "send a template instead"),
    .init(
      131_048...131_048, "restricted for spam or low quality", retry: day, [.campaign],
      "improve the quality of what is sent; resume the campaign later"),
    .init(
      131_049...131_049, "withheld by Meta to limit marketing to this user", retry: day,
      "nothing: it is tried again after a day, a few times"),
    .init(
      131_050...131_050, "the user stopped marketing messages", [.recipient], effects: [.optOut],
      "do not send this user marketing"),
    .init(131_051...131_051, "the message type is not supported", [.request], "send another type"),
    .init(
      131_052...131_052, "the media could not be downloaded",
      retry: .init(seconds: 5, attempts: 1), [.request], "check the link or upload the media"),
    .init(
      131_053...131_053, "the media could not be uploaded", [.request],
      "check that MIME type, content and size agree"),
    .init(131_055...131_055, "the method is not allowed", [.request], "use the messages endpoint"),
    .init(
      131_056...131_056, "too many messages to this user in a short time",
      retry: .init(seconds: 1, factor: 4, attempts: 6), "nothing: it is tried again, later"),
    .init(
      131_057...131_057, "the number is under maintenance",
      retry: .init(seconds: 60, factor: 1, attempts: 5), "nothing: it is tried again"),
    .init(
      131_062...131_062, "this kind of message needs a phone number", [.request],
      "send to the recipient's phone number"),
    .init(
      131_063...131_063, "marketing is disabled on the Cloud API for this account", [.campaign],
      "enable it in WhatsApp Manager, then resume"),
    .init(
      131_064...131_064, "limited for templates of a wrong category", [.campaign],
      "correct the templates' categories, then resume"),
  ]

  private static let templateRows: [GraphErrorRule] = [
    .init(
      132_000...132_000, "the number of parameters differs from the template's",
      [.request, .campaign], "send as many parameters as the template has"),
    .init(
      132_001...132_001, "the template does not exist or is not approved in this language",
      [.request, .campaign], "have the template approved in this language"),
    .init(
      132_005...132_005, "the text is too long with its parameters filled in", [.request],
      "shorten this recipient's parameters"),
    .init(
      132_007...132_007, "the content violates a policy", [.campaign],
      "change the template's content"),
    .init(132_008...132_008, "a parameter's value is invalid", [.request], "correct the parameter"),
    .init(
      132_012...132_012, "a parameter's format differs from the template's", [.request],
      "correct the parameter's type"),
    .init(
      132_015...132_015, "the template is paused for low quality", [.campaign],
      "edit the template; the campaign can be resumed once it is approved"),
    .init(
      132_016...132_016, "the template is disabled", [.campaign],
      "make another template; this one never comes back"),
    .init(
      132_018...132_018, "a parameter contains what templates may not", [.request],
      "remove line breaks, tabs and runs of spaces"),
    .init(132_068...132_068, "the flow is blocked", [.campaign], "correct the flow, then resume"),
    .init(
      132_069...132_069, "the flow is throttled", [.campaign], "wait, then resume the campaign"),
  ]

  private static let numberRows: [GraphErrorRule] = [
    .init(
      133_000...133_000, "an earlier deregistration failed", [.number],
      "deregister the number again, then resume the number"),
    .init(133_004...133_004, "the server is unavailable", retry: brief, "nothing: tried again"),
    .init(133_005...133_005, "the two-step PIN is wrong", [.request], "use the right PIN"),
    .init(133_006...133_006, "the number must be verified first", [.request], "verify the number"),
    .init(133_008...133_008, "too many wrong PINs", [.request], "wait as the details say"),
    .init(133_009...133_009, "PIN entered too fast", [.request], "wait as the details say"),
    .init(
      133_010...133_010, "the number is not registered", [.number],
      "register the number, then resume the number"),
    .init(
      133_015...133_015, "the number was deleted a moment ago",
      retry: .init(seconds: 300, factor: 1, attempts: 3), "nothing: it is tried again"),
    .init(
      133_016...133_016, "too many registrations",
      retry: .init(seconds: 72 * 3600, factor: 1, attempts: 1), "wait 72 hours"),
    .init(
      134_011...134_011, "the payments terms are not accepted", [.number],
      "accept the terms in WhatsApp Manager, then resume the number"),
    .init(
      134_100...134_100, "this endpoint takes marketing messages only", [.request],
      "use the messages endpoint"),
    .init(
      134_101...134_101, "the template is being synchronised",
      retry: .init(seconds: 600, factor: 1, attempts: 3), "nothing: it is tried again"),
    .init(
      134_102...134_102, "the template is unavailable for marketing", [.number],
      "check the account in WhatsApp Manager, then resume the number"),
    .init(135_000...135_000, "Graph could not use the request", [.request], "check the request"),
    .init(
      137_000...137_000, "the recipient's identity changed", [.request],
      "confirm the recipient's identity, then send again"),
    .init(138_000...139_999, "calling, flows or block list", [.request], "check the request"),
    .init(2_388_019...2_388_019, "too many templates", [.request], "delete unused templates"),
    .init(2_388_039...2_388_040, "the template is malformed", [.request], "correct it"),
    .init(2_388_047...2_388_047, "the template is malformed", [.request], "correct it"),
    .init(2_388_072...2_388_073, "the template is malformed", [.request], "correct it"),
    .init(2_388_293...2_388_293, "too many parameters for the text", [.request], "add text"),
    .init(
      2_388_299...2_388_299, "a parameter stands first or last", [.request],
      "put text before and after each parameter"),
    .init(
      2_494_100...2_494_100, "the account is under maintenance",
      retry: .init(seconds: 120, factor: 1, attempts: 5), "nothing: it is tried again"),
  ]
}

extension GraphErrorRules {
  /// The row of a code; nil for a code that is not in the table.
  public static func row(code: Int) -> GraphErrorRule? {
    table.first { $0.codes.contains(code) }
  }

  /// The rule for an error in an answer: the subcode's row, the code's row, or what its kind tells.
  public static func rule(for error: GraphError) -> GraphErrorRule {
    if let subcode = error.subcode, let row = row(code: subcode) { return row }
    if let row = row(code: error.code) { return row }
    let codes = error.code...error.code
    if error.isTransient || (error.httpStatus ?? 400) >= 500 {
      return .init(codes, "unknown fault of Graph", retry: brief, "nothing: it is tried again")
    }
    return .init(codes, "unknown error", [.request], "see the error's details")
  }

  /// The rule for an error in a failed status.
  ///
  /// A failed status is final whatever its code: Meta does not charge it, and the send that it ends
  /// is refunded. An unknown code stops nothing.
  public static func asyncRule(for error: GraphError) -> GraphErrorRule {
    row(code: error.code)
      ?? .init(
        error.code...error.code, "unknown error", [.recipient], "see the error's details")
  }
}
