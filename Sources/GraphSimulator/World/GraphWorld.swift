/// The simulated business account: numbers, templates, media, limits and windows.
///
/// It decides and never acts: every change is a method that takes the time, and answers what is to
/// be replied and which webhooks follow.
struct GraphWorld: Sendable {
  var faults: Faults
  private(set) var instance: String
  var numbers: [String: PhoneNumberState] = [:]
  var numberOrder: [String] = []
  /// WABA → whether webhooks are subscribed, and where to instead of the app's address.
  var wabas: [String: WABA] = [:]
  var templates: [MessageTemplate.Key: MessageTemplate] = [:]
  var media = MediaShelf()
  var uploads = BoundedMap<String, UploadSession>(limit: SimulatorLimits.uploadSessions)
  /// (number, user) → what limits and windows remember.
  var pairs = BoundedMap<String, Pair>(limit: SimulatorLimits.pairsRemembered)
  private var lastID: Int64

  /// A business account.
  struct WABA: Sendable {
    let id: String
    var isSubscribed = true
    var overrideURL: String?
  }

  struct Pair: Sendable {
    /// 1 message in 6 s, up to 45 at once.
    var meter = RateMeter(costMicroseconds: 6_000_000, burst: 45)
    /// Unix milliseconds; service messages may be sent before it.
    var windowEnds: Int64 = 0
    /// Sends that got as far as the faults.
    var sends = 0
  }

  /// A new account.
  ///
  /// `instance` makes message ids differ between two simulators.
  init(numbers: [PhoneNumber], faults: Faults, instance: String) {
    self.faults = faults
    self.instance = instance
    lastID = 7_000_000_000_000_000
    for number in numbers {
      self.numbers[number.id] = PhoneNumberState(number)
      numberOrder.append(number.id)
      wabas[number.wabaID] = WABA(id: number.wabaID)
    }
  }

  var dice: FaultDice { FaultDice(seed: faults.seed) }

  mutating func nextID() -> Int64 {
    lastID += 1
    return lastID
  }

  /// An opaque message id in Meta's form.
  mutating func nextWamid() -> String {
    let text = "\(instance)\(nextID())"
    return "wamid.HBgN" + Base64.encode(Array(text.utf8))
  }

  static func pairKey(_ number: String, _ user: String) -> String { "\(number)|\(user)" }

  /// Opens the 24 hours in which any message may be sent to `user`, counted from `at`.
  mutating func openWindow(number: String, user: String, at: Int64) {
    let key = Self.pairKey(number, user)
    var pair = pairs[key] ?? Pair()
    pair.windowEnds = max(pair.windowEnds, at + 86_400_000)
    pairs[key] = pair
  }
}

/// RFC 4648 with padding.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let chunk = bytes[start..<min(start + 3, bytes.count)]
      let word = chunk.enumerated().reduce(UInt32(0)) {
        $0 | UInt32($1.element) << (16 - 8 * $1.offset)
      }
      for place in 0..<4 {
        output.append(
          place <= chunk.count ? alphabet[Int(word >> (18 - 6 * UInt32(place)) & 63)] : 61)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
