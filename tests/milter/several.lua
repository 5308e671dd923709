-- SPDX-License-Identifier: MIT
-- Several messages on a connection, some of them given up.
dofile(dir .. "/common.lua")
conn = connect()

mail(conn, "ONE", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
finish(conn)

-- RSET after RCPT, and after MAIL.
mail(conn, "GIVENUP", "<s@example.test>")
rcpt(conn, "<u@hold.test>")
good(mt.abort(conn), "abort")
mail(conn, "GIVENUP", "<s@example.test>")
good(mt.abort(conn), "abort")
good(mt.abort(conn), "abort")

mail(conn, "TWO", "<s@other.test>")
rcpt(conn, "<u@direct.test>")
finish(conn)

-- Nobody may be told of what was before.
mail(conn, "THREE", "<>")
rcpt(conn, "<root>")
finish(conn)

-- Gone in the middle of a message.
mail(conn, "GIVENUP", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
mt.disconnect(conn, false)

conn = connect("2001:db8::10")
mail(conn, "FOUR", "<s@example.test>")
rcpt(conn, "<u@relay.test>")
finish(conn)
mt.disconnect(conn)
