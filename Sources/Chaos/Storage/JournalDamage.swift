import Platform
import Simulation
import Storage
import Wire

/// One way to spoil a journal that lies on a disk.
enum JournalDamage: String, CaseIterable, Sendable {
  case flip = "bit flip"
  case truncate = "truncation"
  case drop = "dropped group"
  case double = "doubled group"
  case swap = "swapped groups"
  case zero = "zeroed 4 KiB block"
  case foreignCell = "journal of another cell"
  case foreignGeneration = "journal of another generation"

  /// Whether the engine must refuse the whole journal.
  var isForeign: Bool { self == .foreignCell || self == .foreignGeneration }

  static let block = 4_096

  /// Spoils the group `index` of `groups`, which are all of one journal; answers the first position
  /// that was touched.
  func apply(
    to disk: SimulatedDisk, _ groups: [JournalInspection.Group], at index: Int,
    _ random: SeededRandomSource
  ) -> CellSeq {
    let group = groups[index]
    var first = group.firstSeq
    let path = "\(StorageMachine.journalDirectory)/\(group.segment)"
    let start = Int(group.offset)
    let end = start + group.bytes
    disk.edit(path) { bytes in
      switch self {
      case .flip:
        let bit = random.below(group.bytes * 8)
        bytes[start + bit / 8] ^= 1 << (bit % 8)
      case .truncate: bytes.removeLast(bytes.count - start - group.bytes / 2)
      case .drop:
        bytes.removeSubrange(start..<end)
        bytes.append(contentsOf: repeatElement(0, count: group.bytes))
      case .double:
        bytes.insert(contentsOf: Array(bytes[start..<end]), at: end)
        bytes.removeLast(group.bytes)
      case .swap:
        // The group before stands in the same segment: the caller has chosen so.
        let before = Int(groups[index - 1].offset)
        let swapped = Array(bytes[start..<end]) + Array(bytes[before..<start])
        bytes.replaceSubrange(before..<end, with: swapped)
        first = groups[index - 1].firstSeq
      case .zero:
        let from = start / Self.block * Self.block
        let through = min(from + Self.block, bytes.count)
        bytes.replaceSubrange(from..<through, with: repeatElement(0, count: through - from))
        let touched = groups.first {
          $0.segment == group.segment && Int($0.offset) + $0.bytes > from
        }
        first = touched?.firstSeq ?? first
      case .foreignCell, .foreignGeneration: break
      }
    }
    return first
  }
}
