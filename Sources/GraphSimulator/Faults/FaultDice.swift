/// Chance that depends on the seed and on what is decided, never on when: the same message meets
/// the same fate whatever the order of arrival.
struct FaultDice: Sendable {
  /// What is decided.
  enum Question: String, Sendable {
    case refuse, refuseCode, fail, failCode, missDelivered, read, reorder, duplicate
    case statusBeforeReply, resetAfterRead, resetUnprocessed, webhook5xx, lose, delay, replyDelay
  }

  let seed: UInt64

  /// A number in 0..<1 for `subject` (a message, a delivery).
  func roll(_ question: Question, _ subject: String, _ round: Int = 0) -> Double {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
    for byte in question.rawValue.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for byte in subject.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = hash &+ UInt64(round) &* 0x9E37_79B9_7F4A_7C15
    // FNV-1a alone leaves similar subjects close together; this mixes (MurmurHash3's finaliser).
    hash ^= hash >> 33
    hash = hash &* 0xFF51_AFD7_ED55_8CCD
    hash ^= hash >> 33
    hash = hash &* 0xC4CE_B9FE_1A85_EC53
    hash ^= hash >> 33
    return Double(hash >> 11) / Double(UInt64(1) << 53)
  }

  func happens(_ rate: Double, _ question: Question, _ subject: String, _ round: Int = 0) -> Bool {
    rate > 0 && roll(question, subject, round) < rate
  }

  func pick<Value>(_ values: [Value], _ question: Question, _ subject: String) -> Value? {
    values.isEmpty ? nil : values[Int(roll(question, subject) * Double(values.count))]
  }

  func pick(
    _ range: ClosedRange<Int64>, _ question: Question, _ subject: String, _ round: Int = 0
  ) -> Int64 {
    let width = Double(range.upperBound - range.lowerBound + 1)
    return range.lowerBound + Int64(roll(question, subject, round) * width)
  }
}
