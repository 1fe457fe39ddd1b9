import Platform
import Simulation
import Storage

/// One way to damage a journal that lies at rest, as bit rot, a bad copy or a hand at work would.
enum JournalVandal: String, CaseIterable, Sendable {
  case flip = "bit flipped"
  case cut = "segment cut short"
  case dropped = "group dropped"
  case doubled = "group doubled"
  case swapped = "groups swapped"
  case zeroed = "4 KiB zeroed"
  case foreignCell = "segment of another cell"
  case foreignGeneration = "segment of another generation"

  /// Where the groups of one segment lie.
  struct Segment {
    let path: String
    let groups: [Range<Int>]
    var used: Int { groups.last?.upperBound ?? 0 }
  }

  /// Segments with at least two groups, oldest first.
  static func segments(_ disk: SimulatedDisk) throws -> [Segment] {
    let found = try JournalInspection.run(
      directory: MixedFiles.journal, files: disk.fileSystem(), detail: .groups)
    return found.segments.map { segment in
      Segment(
        path: "\(MixedFiles.journal)/\(segment.name)",
        groups: found.groups.filter { $0.segment == segment.name }.map {
          Int($0.offset)..<(Int($0.offset) + $0.bytes)
        })
    }.filter { $0.groups.count >= 2 }
  }

  /// Damages one place of `segment`, drawn by `random`; answers where.
  ///
  /// `foreign` are the bytes of another journal's segment, for the modes that put it in the place.
  func damage(
    _ segment: Segment, on disk: SimulatedDisk, _ random: SeededRandomSource, foreign: [UInt8]
  ) -> String {
    let groups = segment.groups
    let index = random.below(groups.count - 1)
    var place = ""
    disk.edit(segment.path) { bytes in
      switch self {
      case .flip:
        let group = groups[random.below(groups.count)]
        let offset = group.lowerBound + random.below(group.count)
        bytes[offset] ^= 1 << UInt8(random.below(8))
        place = "byte \(offset)"
      case .cut:
        let length = random.below(segment.used)
        bytes.removeLast(bytes.count - length)
        place = "to \(length) bytes"
      case .zeroed:
        let start = random.below((segment.used - 1) / 4_096 + 1) * 4_096
        for offset in start..<min(start + 4_096, bytes.count) { bytes[offset] = 0 }
        place = "at \(start)"
      case .dropped, .doubled, .swapped:
        var order = Array(groups.indices)
        switch self {
        case .dropped: order.remove(at: index)
        case .doubled: order.insert(index, at: index)
        default: order.swapAt(index, index + 1)
        }
        Self.rebuild(&bytes, order.map { groups[$0] }, from: groups[0].lowerBound)
        place = "group \(index) of \(groups.count)"
      case .foreignCell, .foreignGeneration:
        bytes = foreign
        place = "whole"
      }
    }
    let name = segment.path.split(separator: "/").last.map(String.init) ?? segment.path
    return "\(rawValue), \(name) \(place)"
  }

  /// The groups one behind the other, in a file as long as before.
  private static func rebuild(_ bytes: inout [UInt8], _ order: [Range<Int>], from start: Int) {
    let length = bytes.count
    var result = Array(bytes[..<start])
    for group in order { result += bytes[group] }
    if result.count > length { result.removeLast(result.count - length) }
    bytes = result + [UInt8](repeating: 0, count: length - result.count)
  }
}

extension SeededRandomSource {
  /// A number from 0 to below `bound`.
  func below(_ bound: Int) -> Int { Int(uint64() % UInt64(max(1, bound))) }
}
