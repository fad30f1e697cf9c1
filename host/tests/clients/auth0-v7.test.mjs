import { ManagementClient } from 'auth0';

import { generated } from './generated.mjs';
import { management } from './management.mjs';

management('auth0 7', generated(ManagementClient));
