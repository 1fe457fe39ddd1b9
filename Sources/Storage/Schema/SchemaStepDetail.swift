import Wire

/// What a schema step's record names: the file, the step, and the SHA-256 of its DDL.
struct SchemaStepDetail: Hashable {
  let file: FileKind
  let id: String
  let hash: SHA256Hash

  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.byte(file.rawValue)
    writer.hash(hash)
    writer.text(id)
    return writer.bytes
  }

  init(file: FileKind, id: String, hash: SHA256Hash) {
    self.file = file
    self.id = id
    self.hash = hash
  }

  init(decoding bytes: [UInt8]) throws(JournalError) {
    var reader = ByteReader(bytes)
    file = FileKind(rawValue: try reader.byte())
    hash = try reader.hash()
    id = try reader.text()
  }
}
