/*
 * Who is the client of a connection, as the kernel reports it.
 *
 * The name of a user is looked up in /etc/passwd only: a directory service might block us.
 */
#include "control/api/server.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#define USERS "/etc/passwd"

static bool find_user(uid_t uid, char *who, size_t size)
{
	FILE *users = fopen(USERS, "re");
	const struct passwd *user;
	bool found = false;

	if (users == NULL)
		return false;
	while (!found && (user = fgetpwent(users)) != NULL) {
		found = user->pw_uid == uid;
		if (found)
			snprintf(who, size, "%s", user->pw_name);
	}
	fclose(users);
	return found;
}

void peer_name(int fd, char *who, size_t size)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		snprintf(who, size, "unknown");
	else if (!find_user(peer.uid, who, size))
		snprintf(who, size, "uid %u", (unsigned)peer.uid);
}
