-- SPDX-License-Identifier: MIT
-- What the scripts share. miltertest gets `socket` by -D.

-- Its own error messages are not always shown.
function fail(text)
	io.stderr:write("miltertest: " .. text .. "\n")
	error(text)
end

function good(problem, what)
	if problem ~= nil then
		fail(what .. ": " .. problem)
	end
end

function connect(ip)
	mt.set_timeout(60)
	local conn = mt.connect("inet:" .. socket, 100, 0.05)
	if conn == nil then
		fail("cannot connect to " .. socket)
	end
	good(mt.conninfo(conn, "mta.test", ip or "192.0.2.10"), "conninfo")
	expect(conn, SMFIR_CONTINUE, "conninfo")
	return conn
end

function expect(conn, wanted, what)
	local got = mt.getreply(conn)
	if got ~= wanted then
		fail(what .. ": reply " .. string.char(got) .. ", wanted " ..
			string.char(wanted))
	end
end

-- Begins a message with this queue id.
function mail(conn, qid, from)
	mt.macro(conn, SMFIC_MAIL, "i", qid)
	good(mt.mailfrom(conn, from), "mailfrom")
	expect(conn, SMFIR_CONTINUE, "mailfrom")
end

function rcpt(conn, to, wanted)
	good(mt.rcptto(conn, to), "rcptto " .. to)
	expect(conn, wanted or SMFIR_CONTINUE, to)
end

-- Steps that were not negotiated are errors of the script.
function header(conn, name, value)
	good(mt.header(conn, name, value), "header " .. name)
	expect(conn, SMFIR_CONTINUE, "header " .. name)
end

function finish(conn)
	good(mt.eom(conn), "eom")
	expect(conn, SMFIR_CONTINUE, "eom")
end
