/// A refusal in Graph's own form.
struct GraphError: Error, Hashable, Sendable {
  let code: Int
  let status: Int
  let message: String
  var details: String?
  var subcode: Int?
  var isTransient = false

  init(
    _ code: Int, _ status: Int, _ message: String, details: String? = nil, subcode: Int? = nil,
    isTransient: Bool = false
  ) {
    self.code = code
    self.status = status
    self.message = message
    self.details = details
    self.subcode = subcode
    self.isTransient = isTransient
  }

  /// The body of the answer.
  ///
  /// `trace` stands where Meta puts the identifier of the request.
  func json(trace: String) -> JSON {
    var error: JSON = [
      "message": JSON("(#\(code)) \(message)"),
      "type": JSON(code == 100 && status == 404 ? "GraphMethodException" : "OAuthException"),
      "code": JSON(code),
    ]
    if let details {
      error = error.with(
        "error_data", ["messaging_product": "whatsapp", "details": JSON(details)])
    }
    error = error.with("error_subcode", subcode.map { JSON($0) })
    error = error.with("fbtrace_id", JSON(trace))
    if isTransient { error = error.with("is_transient", true) }
    return ["error": error]
  }

  /// The entry of `errors` in a failed status.
  var statusJSON: JSON {
    [
      "code": JSON(code), "title": JSON(message), "message": JSON(message),
      "error_data": ["details": JSON(details ?? message)],
      "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    ]
  }
}

extension GraphError {
  static func invalidParameter(_ details: String) -> GraphError {
    GraphError(100, 400, "Invalid parameter", details: details)
  }

  static func missingParameter(_ name: String) -> GraphError {
    GraphError(131008, 400, "Required parameter is missing", details: "\(name) is required.")
  }

  static func invalidValue(_ details: String) -> GraphError {
    GraphError(131009, 400, "Parameter value is not valid", details: details)
  }

  static let badToken = GraphError(
    190, 401, "Invalid OAuth access token - Cannot parse access token")

  static func unknownObject(_ id: String, _ method: String) -> GraphError {
    GraphError(
      100, 404,
      "Unsupported \(method.lowercased()) request. Object with ID '\(id)' does not exist, cannot be"
        + " loaded due to missing permissions, or does not support this operation",
      subcode: 33)
  }

  /// A fault's refusal for a code of the table of errors.
  static func injected(_ code: Int) -> GraphError {
    let entry = table[code] ?? (400, "Something went wrong", false)
    return GraphError(
      code, entry.status, entry.message, details: "Injected by the simulator.",
      isTransient: entry.isTransient)
  }

  private static let table: [Int: (status: Int, message: String, isTransient: Bool)] = [
    0: (401, "Unable to authenticate the app user", false),
    1: (400, "An unknown error occurred", false),
    2: (503, "Service temporarily unavailable", true),
    3: (500, "Capability or permissions issue", false),
    4: (400, "Application request limit reached", true),
    10: (403, "Permission denied", false),
    33: (400, "The business phone number has been deleted", false),
    100: (400, "Invalid parameter", false),
    190: (401, "Access token has expired", false),
    200: (403, "Permission missing", false),
    368: (403, "Temporarily blocked for policies violations", false),
    80007: (400, "Rate limit issues", true),
    80008: (400, "Rate limit issues", true),
    130403: (400, "Recipient is blocked by the business", false),
    130429: (400, "Rate limit hit", true),
    130472: (400, "User's number is part of an experiment", false),
    130497: (403, "Business account is restricted from messaging users in this country", false),
    131000: (500, "Something went wrong", false),
    131005: (403, "Access denied", false),
    131008: (400, "Required parameter is missing", false),
    131009: (400, "Parameter value is not valid", false),
    131016: (500, "Service unavailable", true),
    131021: (400, "Recipient cannot be sender", false),
    131026: (400, "Message undeliverable", false),
    131030: (400, "Recipient phone number not in allowed list", false),
    131031: (403, "Account has been locked", false),
    131037: (400, "Display name approval is needed before message can be sent", false),
    131042: (400, "Business eligibility payment issue", false),
    131045: (500, "Incorrect certificate", false),
    131047: (400, "Re-engagement message", false),
    131048: (400, "Spam rate limit hit", false),
    131049: (
      400, "This message was not delivered to maintain healthy ecosystem engagement", false
    ),
    131050: (400, "User has stopped marketing messages", false),
    131051: (400, "Unsupported message type", false),
    131052: (400, "Media download error", false),
    131053: (400, "Media upload error", false),
    131055: (400, "Method not allowed", false),
    131056: (400, "(Business Account, Consumer Account) pair rate limit hit", true),
    131057: (500, "Account in maintenance mode", true),
    131062: (400, "Business-scoped user id is not allowed as recipient", false),
    131063: (400, "Marketing templates are not allowed on the Cloud API", false),
    131064: (400, "Sending limit due to template misclassification", false),
    132000: (400, "Number of parameters does not match the expected number of params", false),
    132001: (404, "Template name does not exist in the translation", false),
    132005: (400, "Translated text too long", false),
    132007: (400, "Template content policy violated", false),
    132008: (400, "Template parameter value is not valid", false),
    132012: (400, "Parameter format does not match format in the created template", false),
    132015: (400, "Template is paused", false),
    132016: (400, "Template is disabled", false),
    132018: (400, "Template parameter value is not valid", false),
    132068: (400, "Flow is in blocked state", false),
    132069: (400, "Flow is in throttled state", false),
    133000: (500, "Incomplete deregistration", false),
    133004: (503, "Server temporarily unavailable", true),
    133005: (400, "Two-step verification PIN mismatch", false),
    133006: (400, "Phone number re-verification needed", false),
    133008: (400, "Too many two-step verification PIN guesses", false),
    133009: (400, "Two-step verification PIN guessed too fast", false),
    133010: (400, "Phone number not registered", false),
    133015: (400, "Please wait a few minutes before registering this phone number", false),
    133016: (400, "Account register deregister rate limit exceeded", false),
    134011: (400, "WhatsApp Business payments terms of service has not been accepted", false),
    134100: (400, "Only marketing messages supported", false),
    134101: (400, "Template not synced yet", true),
    134102: (500, "Template unavailable", false),
    135000: (400, "Generic user error", false),
    137000: (400, "Identity key hash mismatch", false),
  ]

  /// Every code that the table knows.
  static var knownCodes: [Int] { table.keys.sorted() }
}
