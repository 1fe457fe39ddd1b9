import Cryptography
import Foundation
import Trust

/// An exported audit log of any length: read in blocks, its lines looked at on all processors.
struct AuditFile {
  /// Bytes read at a time; a line may be longer.
  static let blockBytes = 8 << 20
  static let maximumLineBytes = 1 << 20

  private let handle: FileHandle

  init(path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no file \(path)")
    }
    self.handle = handle
  }

  func verify(
    _ key: VerifyingKey, _ witness: VerifyingKey?, _ held: [Checkpoint]
  ) async throws(AuditVerifier.Finding) -> AuditVerifier.Verdict {
    var verifier = AuditVerifier(key: key, witness: witness, held: held)
    var rest: [UInt8] = []
    while true {
      let block = (try? handle.read(upToCount: Self.blockBytes)) ?? nil
      guard let block, !block.isEmpty else { break }
      let bytes = rest + [UInt8](block)
      // What stands behind the last line break is the beginning of another block's line.
      guard let last = bytes.lastIndex(of: 0x0A) else {
        rest = bytes
        guard rest.count <= Self.maximumLineBytes else {
          throw AuditVerifier.Finding(fault: .malformedLine, detail: "a line without an end")
        }
        continue
      }
      rest = Array(bytes[(last + 1)...])
      for line in await Self.read(bytes[..<last]) { try verifier.take(line) }
    }
    if !rest.isEmpty { try verifier.take(rest) }
    return try verifier.verdict()
  }

  /// The lines of a block, in order, each part of the block by a processor of its own.
  private static func read(_ block: ArraySlice<UInt8>) async -> [AuditLine] {
    let count = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var parts: [ArraySlice<UInt8>] = []
    var start = block.startIndex
    for number in 1...count where start < block.endIndex {
      let about = block.startIndex + block.count * number / count
      let end =
        number == count
        ? block.endIndex : block[max(start, about)...].firstIndex(of: 0x0A) ?? block.endIndex
      parts.append(block[start..<end])
      start = min(block.endIndex, end + 1)
    }
    return await withTaskGroup(of: (Int, [AuditLine]).self) { group in
      for (number, part) in parts.enumerated() {
        group.addTask {
          (
            number,
            part.split(separator: 0x0A, omittingEmptySubsequences: false).map {
              AuditLine(Array($0))
            }
          )
        }
      }
      var lines = [[AuditLine]](repeating: [], count: parts.count)
      for await (number, part) in group { lines[number] = part }
      return lines.flatMap { $0 }
    }
  }
}
