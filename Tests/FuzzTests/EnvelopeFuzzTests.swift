import Testing
import Wire

@Suite struct EnvelopeFuzzTests {
  @Test func `an empty envelope is read as one without fields`() throws {
    var fields = ProtoScanner([])
    #expect(try fields.next() == nil)
  }
}
