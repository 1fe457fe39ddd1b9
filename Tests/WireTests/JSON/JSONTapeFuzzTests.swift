import Foundation
import Testing
import Wire

/// Documents grown and damaged at random, from fixed seeds.
@Suite("JSON tape, fuzzed") struct JSONTapeFuzzTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
  }

  private static func value(_ depth: Int, _ random: inout Generator) -> String {
    switch Int.random(in: 0..<(depth > 5 ? 6 : 8), using: &random) {
    case 0: return "\(Int64.random(in: .min ... .max, using: &random))"
    case 1: return "\(Int.random(in: -999...999, using: &random)).5e-3"
    case 2: return ["true", "false", "null"].randomElement(using: &random) ?? "null"
    case 3: return #""\u00e9\ud83d\ude00\n\/""#
    case 4: return "\"été 😀 plain\""
    case 5: return "\"\""
    case 6:
      let count = Int.random(in: 0...4, using: &random)
      return "[" + (0..<count).map { _ in value(depth + 1, &random) }.joined(separator: ", ") + "]"
    default:
      let count = Int.random(in: 0...4, using: &random)
      let members = (0..<count).map { "\"k\($0)\" :\(value(depth + 1, &random))" }
      return "{" + members.joined(separator: ",") + "}"
    }
  }

  /// Touches every accessor of every node, so that an offset out of range would trap.
  private static func walk(_ node: JSONNode, in document: [UInt8]) -> Int {
    var count = 1
    #expect(document[node.range].elementsEqual(node.raw))
    _ = (node.string, node.integer, node.double, node.lenientString, node.lenientInteger)
    for element in node.elements { count += walk(element, in: document) }
    for member in node.members { count += walk(member.value, in: document) }
    return count
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func `grown documents read back as Foundation reads them`(seed: UInt64) throws {
    var random = Generator(state: seed)
    let text = Self.value(0, &random)
    let bytes = Array(text.utf8)
    let tape = try JSONTape(bytes)
    #expect(Self.walk(tape.root, in: bytes) >= 1)
    let expected = try JSONSerialization.jsonObject(
      with: Data(bytes), options: [.fragmentsAllowed])
    #expect(Self.agrees(tape.root, expected))
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func `damaged documents never trap, and what is accepted reads whole`(seed: UInt64) {
    var random = Generator(state: seed &+ 1000)
    let bytes = Array(Self.value(0, &random).utf8)
    for _ in 0..<200 {
      var damaged = bytes
      for _ in 0...Int.random(in: 0...2, using: &random) where !damaged.isEmpty {
        let at = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[at] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: at)
        case 2: damaged.removeSubrange(at...)
        default:
          damaged.insert(Array("{}[]\",:\\u0".utf8).randomElement(using: &random) ?? 0, at: at)
        }
      }
      if let tape = try? JSONTape(damaged) { _ = Self.walk(tape.root, in: damaged) }
    }
  }

  private static func agrees(_ node: JSONNode, _ other: Any) -> Bool {
    switch node.kind {
    case .object:
      guard let object = other as? [String: Any] else { return false }
      return node.members.allSatisfy { member in
        object[member.key].map { agrees(member.value, $0) } ?? false
      }
    case .array:
      guard let array = other as? [Any] else { return false }
      return node.elements.map { $0 }.count == array.count
        && zip(node.elements, array).allSatisfy { agrees($0, $1) }
    case .string: return node.string == other as? String
    case .integer: return node.integer == (other as? NSNumber)?.int64Value
    case .number: return node.double == (other as? NSNumber)?.doubleValue
    case .true, .false: return node.bool == other as? Bool
    case .null: return other is NSNull
    }
  }
}
