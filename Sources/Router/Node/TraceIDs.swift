import Platform
import Synchronization

/// Names for requests: 32 hexadecimal digits that no other request of any router has.
///
/// 64 bits drawn at the start and a counter: the kernel is not asked for randomness per request.
final class TraceIDs: Sendable {
  private static let digits = Array("0123456789abcdef".utf8)
  private let prefix: UInt64
  private let counter: Atomic<UInt64>

  init(random: any RandomSource) {
    prefix = random.uint64()
    counter = Atomic(random.uint64())
  }

  func next() -> String {
    let (_, low) = counter.wrappingAdd(1, ordering: .relaxed)
    return String(unsafeUninitializedCapacity: 32) { buffer in
      for index in 0..<16 {
        buffer[index] = Self.digits[Int(prefix >> UInt64(60 - 4 * index) & 15)]
        buffer[16 + index] = Self.digits[Int(low >> UInt64(60 - 4 * index) & 15)]
      }
      return 32
    }
  }

  /// The trace id of a W3C `traceparent`; nil where it is none, or all zero.
  static func read(_ traceparent: String) -> String? {
    let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff", parts[1].utf8.count == 32,
      parts[2].utf8.count == 16
    else { return nil }
    let isHex = parts[1].utf8.allSatisfy { digits.contains($0) }
    guard isHex, parts[1].utf8.contains(where: { $0 != UInt8(ascii: "0") }) else { return nil }
    return String(parts[1])
  }
}
