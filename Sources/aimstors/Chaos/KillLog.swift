/// What the clients of the kills were told: the outside count that the system is held against.
///
/// Pure; the rules are tested without a system.
struct KillLog: Sendable {
  /// Identifiers that sends were acknowledged with, by operation.
  private var sends: [Int: String] = [:]
  /// Operations whose repeat was answered with another identifier.
  private(set) var contradictions = 0
  /// Micros credited, each reference once.
  private(set) var toppedUpMicros: Int64 = 0
  private var topUps: Set<Int> = []
  /// Texts of incoming messages that users wrote.
  private(set) var inbound: Set<String> = []

  var acknowledged: Int { sends.count + topUps.count + inbound.count }
  var messageIDs: Set<String> { Set(sends.values) }

  /// A send was acknowledged with `id`, perhaps not for the first time.
  mutating func sent(_ operation: Int, _ id: String) {
    if let known = sends[operation] {
      if known != id { contradictions += 1 }
    } else {
      sends[operation] = id
    }
  }

  mutating func toppedUp(_ operation: Int, _ micros: Int64) {
    if topUps.insert(operation).inserted { toppedUpMicros += micros }
  }

  mutating func wrote(_ text: String) { inbound.insert(text) }

  /// Compares with what the system has: identifiers and texts as often as they are listed.
  func compare(messages: [String], texts: [String]) -> (lost: Int, duplicated: Int) {
    let (stored, written) = (Set(messages), Set(texts))
    let lost = messageIDs.subtracting(stored).count + inbound.subtracting(written).count
    // Every operation is repeated until it is acknowledged, so that nothing else may be there.
    let strangers = stored.subtracting(messageIDs).count + written.subtracting(inbound).count
    let repeated = messages.count - stored.count + texts.count - written.count
    return (lost, contradictions + strangers + repeated)
  }
}
