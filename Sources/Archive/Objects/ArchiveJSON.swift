import Foundation

/// Claims and manifests as JSON: an operator can read them once they are opened.
enum ArchiveJSON {
  static func encode(_ value: some Encodable) throws(ArchiveError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    do { return Array(try encoder.encode(value)) } catch {
      throw .damaged(name: "\(type(of: value))", detail: "it does not encode: \(error)")
    }
  }

  static func decode<T: Decodable>(_ bytes: [UInt8], as name: String) throws(ArchiveError) -> T {
    do { return try JSONDecoder().decode(T.self, from: Data(bytes)) } catch {
      throw .damaged(name: name, detail: "it is not what its name says: \(error)")
    }
  }
}
