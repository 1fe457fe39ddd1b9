/// One business phone number of the simulated account.
public struct PhoneNumber: Hashable, Sendable {
  /// Meta's numeric identifier.
  public let id: String
  public let wabaID: String
  /// As people write it, such as `+1 555-010-0001`.
  public let displayNumber: String
  public let name: String
  /// Messages per second, in and out together: 80, or 1000 after an upgrade.
  public let messagesPerSecond: Int64

  public init(
    id: String, wabaID: String, displayNumber: String, name: String, messagesPerSecond: Int64 = 80
  ) {
    self.id = id
    self.wabaID = wabaID
    self.displayNumber = displayNumber
    self.name = name
    self.messagesPerSecond = messagesPerSecond
  }

  /// `count` numbers, each with a WABA of its own, always the same.
  public static func series(_ count: Int) -> [PhoneNumber] {
    (0..<count).map { index in
      let suffix = String(10_001 + index).dropFirst()
      return PhoneNumber(
        id: "1060000000\(suffix)0", wabaID: "2080000000\(suffix)0",
        displayNumber: "+1 555-010-\(suffix)", name: "Simulated business \(index + 1)")
    }
  }

  /// Digits only.
  var digits: String { displayNumber.filter(\.isNumber) }
}

/// What changes about a number.
struct PhoneNumberState: Sendable {
  let number: PhoneNumber
  var throughput: RateMeter
  var isRegistered = true
  var pin: String?
  var profile: [JSON.Member] = [
    JSON.Member("about", "Simulated"), JSON.Member("vertical", "OTHER"),
  ]
  var blocked: Set<String> = []
  /// Service messages delivered, for the first ones of a month that Meta does not charge.
  var serviceMessages = 0

  init(_ number: PhoneNumber) {
    self.number = number
    throughput = RateMeter(
      perSecond: number.messagesPerSecond, burst: number.messagesPerSecond)
  }

  /// All fields that `GET /{phone-number-id}` can answer.
  var json: JSON {
    [
      "id": JSON(number.id), "display_phone_number": JSON(number.displayNumber),
      "verified_name": JSON(number.name), "quality_rating": "GREEN",
      "status": isRegistered ? "CONNECTED" : "DISCONNECTED", "name_status": "APPROVED",
      "code_verification_status": "VERIFIED", "platform_type": "CLOUD_API",
      "throughput": ["level": number.messagesPerSecond > 80 ? "HIGH" : "STANDARD"],
      "account_mode": "LIVE", "is_on_biz_app": false, "is_official_business_account": false,
      "is_pin_enabled": .bool(pin != nil),
      "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
      "webhook_configuration": [:],
      "health_status": ["can_send_message": "AVAILABLE", "entities": []],
    ]
  }
}
